#!/usr/bin/env python3
"""Opens reports in headless Chromium: at three widths, and as they are printed. Nothing overflows the page, a table that is wider than
the page scrolls in a box of its own, cards show every cell, nothing is requested, no text of a model runs, and the console is empty.

    check_report.py REPORT.html...        exits 77 where there is no Chromium (but fails in CI)"""
import html, os, re, shutil, subprocess, sys, tempfile

WIDTHS = (360, 768, 1280)
PAPER = 700  # pixels of a page of A4 within its margins, about
browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if browser is None:
    print("no Chromium here")
    sys.exit(1 if os.environ.get("CI") else 77)

PROBE = """<!doctype html><meta charset="utf-8"><title>probe</title><body>%s<script>
window.hostile = 0; window.alert = () => window.hostile++;
addEventListener("load", () => setTimeout(() => {
    const out = [];
    for (const f of document.querySelectorAll("iframe")) {
        const d = f.contentDocument, w = f.contentWindow, edge = f.width - 0 + 1, paper = f.className === "print";
        const boxes = [...d.querySelectorAll(".scroll")];
        const shown = e => e.checkVisibility ? e.checkVisibility() : e.offsetParent !== null;
        // wider than the page and in no box that scrolls; on paper no box scrolls
        const wide = [...d.querySelectorAll("main *")].filter(e => shown(e) && (paper || !e.closest(".scroll") || e.matches(".scroll")) &&
            !e.closest("svg *") && e.getBoundingClientRect().right > edge);
        const hidden = paper ? [] : boxes.filter(b => b.scrollWidth > b.clientWidth + 1 && w.getComputedStyle(b).overflowX !== "auto");
        const bare = [...d.querySelectorAll("table")].filter(t => !t.closest(".scroll") && !t.matches(".cards"));
        const lost = [...d.querySelectorAll("table.cards td")].filter(c => shown(c) && (c.clientWidth < 20 || c.scrollWidth > c.clientWidth + 1));
        const unlabelled = [...d.querySelectorAll("table.cards td")].filter(c => !c.dataset.label);
        out.push([f.width, paper - 0, d.documentElement.scrollWidth, w.performance.getEntriesByType("resource").length, d.scripts.length,
                  d.querySelectorAll("[onerror],[onload],img,form").length, d.querySelectorAll("h2").length,
                  wide.length, hidden.length, bare.length, lost.length, unlabelled.length, wide.slice(0, 1).map(e => e.tagName + "." + e.className).join()].join(" "));
    }
    document.title = "probe " + (window.hostile + 0) + " | " + out.join(" | ");
}, 300));
</script></body>"""
FAULTS = ("elements wider than the page", "boxes that cut their content off", "tables without a box", "cells of cards cut off", "cells of cards without a label")


def frame(page, width, kind):
    if kind == "print":  # the rules of print, on a screen as wide as the paper
        assert "@media print{" in page
        page = page.replace("@media print{", "@media all{")
    return f'<iframe class="{kind}" width="{width}" height="900" srcdoc="{html.escape(page)}"></iframe>'


def check(path):
    page = open(path, encoding="utf-8").read()
    frames = "".join(frame(page, w, "screen") for w in WIDTHS) + frame(page, PAPER, "print")
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
    for said in html.unescape(found[2]).split(" | "):
        *numbers, where = said.split(" ")
        width, paper, scroll, requests, scripts, handlers, sections, *faults = map(int, numbers)
        at = f"on paper of {width} px" if paper else f"at {width} px"
        print(f"{path}: {at}: content {scroll} px, {requests} requests, {sections} sections")
        if scroll > width:
            bad.append(f"{at} the content is {scroll} px wide")
        bad += [f"{at}: {n} {fault} {where}" for n, fault in zip(faults, FAULTS) if n]
        if requests or scripts or handlers or sections < 2:
            bad.append(f"{at}: {requests} requests, {scripts} scripts, {handlers} handlers, {sections} sections")
    return bad


failures = [f"{path}: {what}" for path in sys.argv[1:] for what in check(path)]
print("\n".join(failures) or "ok")
sys.exit(bool(failures))
