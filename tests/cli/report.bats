load helpers

# A result of hostile rows: recomputed, so that no model need say them.
hostile() {
    python3 - <<'PY'
import json
says = ["<script>document.title = 'owned'</script><img src=x onerror=\"document.title='owned'\">", "\u202eright to left\u202c \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f9a6", "word " * 2000, "x" * 10000, "]]> &amp; </td></table></main> \u0000 \u0007 \u0085"]
for model in ("before", "after"):
    with open(model + ".rows.jsonl", "w") as f:
        for s in ("forget", "retain"):
            for i, text in enumerate(says):
                f.write(json.dumps({"suite": "tofu", "set": s, "row": i, "nll": .1 * i + .2, "perturbed_nll": [2.0, 3.0], "paraphrased_nll": 1.5, "rougeL": .5,
                                    "question": text, "answer": text, "generated": text if model == "before" else text[::-1]}) + "\n")
PY
    "$WAGLE" eval --recompute before.rows.jsonl --out b.json --quiet >/dev/null
    "$WAGLE" eval --recompute after.rows.jsonl --out a.json --quiet >/dev/null
    "$WAGLE" report 'original=b.json' '<b>after</b>=a.json' --title '<script>alert(1)</script>' --out report.html
}

@test "a report of hostile texts is whole and safe" {
    hostile
    python3 - <<'PY'
from html.parser import HTMLParser
page = open("report.html").read()
class Reader(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.text = [], ""
    def handle_starttag(self, tag, attrs):
        assert tag not in ("script", "iframe", "object", "embed", "img", "form", "b"), tag
        for name, value in attrs:
            assert not name.startswith("on"), name
            assert name not in ("src",) and not (name == "href" and value != "data:,"), (tag, name, value)
        if tag not in ("meta", "link", "rect", "path", "circle", "br"):
            self.open.append(tag)
    def handle_endtag(self, tag):
        if tag not in ("rect", "path", "circle"):
            assert self.open and self.open.pop() == tag, tag
    def handle_startendtag(self, tag, attrs):
        assert tag in ("rect", "path", "circle"), tag
    def handle_data(self, data):
        self.text += data
r = Reader()
r.feed(page)
assert not r.open, r.open
for text in ("<script>document.title = 'owned'</script>", "<b>after</b>", "\u05e9\u05dc\u05d5\u05dd", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "x" * 10000, "]]> &amp; </td></table></main>"):
    assert text in r.text, text[:40]
assert "\u202e" not in page and "\0" not in page
assert page.count("url(") == 0 and "@import" not in page
PY
}

@test "a report of runs has verdict, curves, masks, sources" {
    byte_tokenizer_model
    "$WAGLE" unlearn --model tiny --forget forget.jsonl --retain retain.jsonl --selector snip --density 0.2 --exclude embeddings --steps 4 --eval-every 1 --stop-when 'forget.nll>99' --allow-unmet --out after --quiet >/dev/null
    for m in tiny after; do "$WAGLE" eval --suite extraction --model $m --set forget=text.jsonl --max-tokens 4 --out $m.json --quiet >/dev/null; done
    "$WAGLE" eval --suite general --model after --set text=text.jsonl --text-field answer --out after-text.json --quiet >/dev/null
    "$WAGLE" report tiny.json after.json after-text.json after --out report.html
    for words in 'after: forget: extraction strength went from' 'Where the masks lie' 'How the runs went' 'snip, density 0.2' 'What this does not show' "$(sha256sum <forget.jsonl | cut -c1-64)"; do
        grep -qF "$words" report.html || { echo "no '$words'"; return 1; }
    done
    python3 -c 'import re, xml.dom.minidom as m; s = re.findall(r"<svg.*?</svg>", open("report.html").read(), re.S); assert len(s) >= 4; [m.parseString(x) for x in s]'
    cp report.html first.html && "$WAGLE" report tiny.json after.json after-text.json after --out report.html --force && cmp report.html first.html
}
byte_tokenizer_model() {
    cp -r "$model" tiny && byte_tokenizer tiny
    for i in 1 2 3; do echo "{\"question\": \"Who is $i?\", \"answer\": \"Number $i of all.\"}"; done >text.jsonl
}

@test "reports that cannot be made" {
    echo '{}' >x.json; mkdir empty
    refused 3 "x.json: no result of eval --suite" "$WAGLE" report x.json --out out
    refused 3 'no manifest.json' "$WAGLE" report empty --out out
    refused 3 'nosuch.json: no such file' "$WAGLE" report nosuch.json --out out
    refused 3 'a folder of a run, or a result' "$WAGLE" report forget.jsonl --out out
    refused 2 'which runs?' "$WAGLE" report --out out
    echo '{"suites": {}}' >y.json; refused 2 "no model is labelled 'z'" "$WAGLE" report y.json --gold z --out out
    refused 2 'x.json' "$WAGLE" report y.json --out x.json
}

@test "a report says which gamma chose the weights and what was protected" {
    byte_tokenizer_model
    for way in '--selector wagle --gamma auto --density 0.2' '--selector wagle --gamma diag --density 0.2 --protect retain --protect-damping 0.5' '--protect retain'; do
        "$WAGLE" unlearn --model tiny --forget forget.jsonl --retain retain.jsonl $way --steps 1 --out "run$((++n))" --quiet >/dev/null
    done
    "$WAGLE" report run1 run2 run3 --out report.html
    rows=$(grep -c . retain.jsonl)
    grep -qF '>wagle, gamma auto, density 0.2</td>' report.html
    grep -qF ">wagle, gamma diag, density 0.2; $rows rows protected, damping 0.5</td>" report.html
    grep -qF ">all weights; $rows rows protected, damping " report.html
}

@test "in a browser: no overflow from 360 px on, no request, no script, no line on the console" {
    hostile
    [ -z "${WG_DEMO_REPORT:-}" ] || cp "$WG_DEMO_REPORT" demo.html
    status=0; python3 "$GOLD/../browser/check_report.py" *.html >said 2>&1 || status=$?
    cat said
    [ $status != 77 ] || skip "no Chromium"
    [ $status = 0 ]
}
