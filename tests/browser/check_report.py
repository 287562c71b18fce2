#!/usr/bin/env python3
"""Opens reports in headless Chromium at three widths: nothing overflows the page, nothing is requested, no text of a model
runs, and the console is empty.

    check_report.py REPORT.html...        exits 77 where there is no Chromium (but fails in CI)"""
import html, os, re, shutil, subprocess, sys, tempfile

WIDTHS = (360, 768, 1280)
browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if browser is None:
    print("no Chromium here")
    sys.exit(1 if os.environ.get("CI") else 77)

PROBE = """<!doctype html><meta charset="utf-8"><title>probe</title><body>%s<script>
window.hostile = 0; window.alert = () => window.hostile++;
addEventListener("load", () => setTimeout(() => {
    const out = [];
    for (const f of document.querySelectorAll("iframe")) {
        const d = f.contentDocument, w = f.contentWindow;
        const wide = [...d.querySelectorAll("main > *")].filter(e => e.getBoundingClientRect().right > f.width - 0 + 1).map(e => e.tagName);
        out.push([f.width, d.documentElement.scrollWidth, w.performance.getEntriesByType("resource").length, d.scripts.length,
                  d.querySelectorAll("[onerror],[onload],img,form").length, wide.length, d.querySelectorAll("h2").length].join(" "));
    }
    document.title = "probe " + (window.hostile + 0) + " | " + out.join(" | ");
}, 300));
</script></body>"""


def check(path):
    page = open(path, encoding="utf-8").read()
    frames = "".join(f'<iframe width="{w}" height="900" srcdoc="{html.escape(page)}"></iframe>' for w in WIDTHS)
    with tempfile.TemporaryDirectory() as work:
        probe = os.path.join(work, "probe.html")
        open(probe, "w", encoding="utf-8").write(PROBE % frames)
        run = subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={work}/profile", "--enable-logging=stderr",
                              "--virtual-time-budget=5000", "--dump-dom", "file://" + probe], capture_output=True, text=True, timeout=120)
    console = [line for line in run.stderr.splitlines() if "CONSOLE" in line]
    found = re.search(r"<title>probe (\d+) \| (.*?)</title>", run.stdout)
    if not found:
        sys.exit(f"{path}: the probe did not run: {run.stderr[-500:]}")
    bad = [f"console: {line}" for line in console]
    if found[1] != "0":
        bad.append("text of a model ran")
    for frame in html.unescape(found[2]).split(" | "):
        width, scroll, requests, scripts, handlers, wide, sections = map(int, frame.split())
        print(f"{path}: width {width}: content {scroll} px, {requests} requests, {sections} sections")
        if scroll > width or wide:
            bad.append(f"at {width} px the content is {scroll} px wide")
        if requests or scripts or handlers or sections < 3:
            bad.append(f"at {width} px: {requests} requests, {scripts} scripts, {handlers} handlers, {sections} sections")
    return bad


failures = [f"{path}: {what}" for path in sys.argv[1:] for what in check(path)]
print("\n".join(failures) or "ok")
sys.exit(bool(failures))
