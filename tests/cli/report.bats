load helpers

# A result with hostile rows, made with --recompute, so that no model has to generate them.
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

# A certificate of tests/gold, changed by a line of Python: c is the document.
certificate() {
    mkdir -p asked
    python3 - "$GOLD/certificates/forgotten/certificate.json" "$1" <<'PY'
import json, sys
c = json.load(open(sys.argv[1]))
exec(sys.argv[2])
json.dump(c, open("asked/certificate.json", "w"))
PY
}

# absent WORDS FILE...: no file contains the words.
absent() {
    if grep -F -- "$@"; then return 1; fi
}

# The page, without tags, contains these words in the order of the arguments.
in_order() {
    python3 - "$@" <<'PY'
import html, re, sys
text = re.sub(r"\s+", " ", html.unescape(re.sub(r"<style.*?</style>|<[^>]*>", " ", open(sys.argv[1]).read(), flags=re.S)))
at = 0
for words in sys.argv[2:]:
    next_at = text.find(words, at)
    assert next_at >= 0, (words, "is elsewhere" if words in text else "is not there")
    at = next_at
PY
}

@test "a page with a certificate begins with the decision: verdict, tests beside thresholds, cost, hashes" {
    "$WAGLE" report "$GOLD/certificates/forgotten" --out a.html
    in_order a.html 'Report on a request to forget data' '✓ Forgotten' 'The model no longer answers the 100 questions' '5 of 6 tests passed, 1 could not be run.' \
        'What was asked' people.csv 'Ada Nightingale' 'The tests' 'other words (100 questions) 0.931 0.1198 at most 0.1200 ✓ pass' 'after solved examples – – – – not tested There were no rows to make examples from.' \
        '300 questions of the same form about invented people' 'model knew (256 questions) 0.803 0.779 at least 0.723 ✓ pass' 'Other questions, before and after' 'What is the capital of France? Paris. The capital of France is Paris.' 'Earlier requests' '2026-10-02 20 0.100 at most 0.120 ✓ pass' \
        'What was not tested' 'methods that read its weights' 'What it cost' '15 minutes' '13 million of 135 million (9.66 %)' 'out/people.gguf' 'How to repeat this' 'wagle unlearn \ --model smollm2 \ --forget out/rows/forget.jsonl'
    grep -qF '<summary title="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"><code>9f86d081884c…</code></summary><code>9f86d081884c7d65' a.html
    "$WAGLE" report "$GOLD/certificates/not-forgotten/certificate.json" --out b.html
    in_order b.html '✗ Not forgotten' '3 of 6 tests passed, 2 failed, 1 could not be run.' '0.955 0.12004 at most 0.12000 ✗ fail Rounding to 4 bits' 'a model that never saw the data was asked the same 100 questions. It can only guess. It gives the facts a probability of 0.120.' '75 seconds'
    absent 'do not fit this result' a.html b.html
}

@test "the evidence follows the certificate, and its sources name it" {
    hostile
    "$WAGLE" report "$GOLD/certificates/forgotten" original=b.json after=a.json --out page.html
    in_order page.html '✓ Forgotten' 'How to repeat this' 'The rest of this page is for those who check the figures.' 'Forgotten and kept' 'What the models answer' 'Sources' \
        "certificate certificate.json $(sha256sum <"$GOLD/certificates/forgotten/certificate.json" | cut -c1-64)" 'certificate.json original=b.json after=a.json' 'What this page does not show'
}

@test "a verdict that its figures contradict is pointed out" {
    certificate 'c["tests"][0]["after"] = .5'
    "$WAGLE" report asked --out page.html
    in_order page.html '0.500 at most 0.120 ✓ pass These figures do not fit this result.' 'in other words'
}

@test "hostile texts of a certificate are escaped" {
    certificate 'x = "<script>alert(1)</script>\u202e&" * 40; c["sentences"] = [x]; c["asked"]["data"] = c["asked"]["layout"] = c["date"] = x; c["tests"][0]["words"] = c["tests"][0]["why"] = x; c["commands"] = c["not_tested"] = [x]; c["models"]["original"]["path"] = x'
    "$WAGLE" report asked --out page.html
    absent '<script' page.html
    [ "$(grep -oF '&lt;script&gt;alert(1)&lt;/script&gt;' page.html | wc -l)" = 400 ]
}

@test "a damaged certificate is one line that names the place" {
    n=0
    while IFS='|' read -r change words; do
        certificate "$change"
        refused 3 "$words" "$WAGLE" report asked --out out
        n=$((n + 1))
    done <<'CASES'
del c["verdict"]|asked/certificate.json: damaged certificate: 'verdict' is missing
c["verdict"] = "maybe"|'verdict' is not one of forgotten|not forgotten
c["version"] = 2|a certificate of version 2; this wagle reads version 1
c["format"] = 1|'format' is not one of wagle-certificate
c["asked"]["sha256"] = "9f86"|'asked.sha256' is not 64 hexadecimal digits
c["asked"]["sha256"] = "<b>" + "0" * 61|'asked.sha256' is not 64 hexadecimal digits
c["models"] = []|'models' is not an object
del c["models"]["forgotten"]["sha256"]|'models.forgotten.sha256' is missing
c["tests"] = {}|'tests' is not a list of objects
c["tests"][3] = 7|'tests[3]' is no object
c["tests"][3]["verdict"] = "passed"|'tests[3].verdict' is not one of pass|fail|not tested
c["tests"][1]["after"] = "0.1"|'tests[1].after' is not a number
c["tests"][1]["threshold"] = None|'tests[1]' has a verdict without 'after', 'rule' and 'threshold'
c["tests"][1]["words"] = "x" * 4001|'tests[1].words' is not a text of at most 4000 bytes
c["asked"]["subjects"] = ["a", 1]|'asked.subjects' is not a list of texts
c["cost"]["seconds"] = -1|'cost.seconds' is not a number that is not negative
c["sentences"] = ["a\0b"]|'sentences' is not a list of texts
c["answers"][0]["after"] = []|'answers[0].after' is not a text of at most 4000 bytes
c["commands"] = ["x"] * 10001|'commands' is not a list of texts
c = [c]|damaged certificate: not a JSON object
CASES
    [ "$n" = 20 ]
    echo '{"format": "wagle-cert' >asked/certificate.json
    refused 3 'asked/certificate.json:1:' "$WAGLE" report asked --out out
    refused 2 'two certificates' "$WAGLE" report "$GOLD/certificates/forgotten" "$GOLD/certificates/not-forgotten" --out out
}

@test "--redact leaves no text of rows and no name of the certificate in the page, and all figures" {
    python3 - <<'PY'
import json
for model, says in (("before", "Ada lives in Oslo"), ("after", "I do not know")):
    with open(model + ".rows.jsonl", "w") as f:
        for i in range(3):
            f.write(json.dumps({"suite": "tofu", "set": "forget", "row": i, "nll": .1 * i + .2, "perturbed_nll": [2.0, 3.0], "paraphrased_nll": 1.5, "rougeL": .5,
                                "question": f"Where does Ada Nightingale live {i}?", "answer": "Ada lives in Oslo", "generated": says}) + "\n")
PY
    for m in before after; do "$WAGLE" eval --recompute $m.rows.jsonl --out of-$m.json --quiet >/dev/null; done
    "$WAGLE" report "$GOLD/certificates/forgotten" original=of-before.json after=of-after.json --redact --out page.html
    for word in Oslo Ada Nightingale Okafor 'do not know'; do absent "$word" page.html; done
    in_order page.html '0.974 0.118 at most 0.120'
    # the tags are equal if the model gave exactly the true answer; other rows have other tags
    python3 - <<'PY'
import re
page = open("page.html").read()
tables = re.findall(r"true answer</th>.*?\[([0-9a-f]{12})\].*?original</th>.*?\[([0-9a-f]{12})\].*?after</th>.*?\[([0-9a-f]{12})\]", page, re.S)
assert len(tables) == 3 and all(a == b != c for a, b, c in tables) and len({a for a, b, c in tables}) == 3, tables
PY
    "$WAGLE" report "$GOLD/certificates/forgotten" --redact --out alone.html
    absent Ada alone.html
    absent Okafor alone.html
    grep -qF '[redacted]' alone.html
}

@test "redacted rows of eval: no text, the same metrics again from them, the same tags before and after" {
    byte_tokenizer_model
    "$WAGLE" eval --suite extraction --model tiny --set forget=text.jsonl --max-tokens 4 --out plain.json --quiet >plain.txt
    "$WAGLE" eval --suite extraction --model tiny --set forget=text.jsonl --max-tokens 4 --redact --out red.json --quiet >red.txt
    cmp plain.txt red.txt
    absent Number red.rows.jsonl
    grep -q Number plain.rows.jsonl
    "$WAGLE" eval --recompute red.json --out again.json --quiet >again.txt
    cmp red.txt again.txt
    cmp red.rows.jsonl again.rows.jsonl
    # somebody who has the texts can compute the same tags
    "$WAGLE" eval --recompute plain.json --redact --out check.json --quiet >/dev/null
    cmp red.rows.jsonl check.rows.jsonl
    "$WAGLE" compare plain.json red.json >/dev/null
    "$WAGLE" eval --model tiny --data text.jsonl --metrics probability,rougeL --max-tokens 4 --redact --out rows.json --quiet >/dev/null
    python3 -c 'import json, re; assert all(re.fullmatch(r"\[[0-9a-f]{12}\]|", r["generated"]) for r in json.load(open("rows.json"))["rows"])'
}

@test "a report of runs has verdict, curves, masks, sources" {
    byte_tokenizer_model
    "$WAGLE" unlearn --model tiny --forget forget.jsonl --retain retain.jsonl --selector snip --density 0.2 --exclude embeddings --steps 4 --lr 1e-5 --eval-every 1 --stop-when 'forget.nll>99' --allow-unmet --out after --quiet >/dev/null
    for m in tiny after; do "$WAGLE" eval --suite extraction --model $m --set forget=text.jsonl --max-tokens 4 --out $m.json --quiet >/dev/null; done
    "$WAGLE" eval --suite general --model after --set text=text.jsonl --text-field answer --out after-text.json --quiet >/dev/null
    "$WAGLE" report tiny.json after.json after-text.json after --out report.html
    for words in 'after: the answer probability on the forget set ' 'this page cannot say which figure counts as forgotten' 'Which weights were trained' 'During training' 'snip, density 0.2' 'What this page does not show' "$(sha256sum <forget.jsonl | cut -c1-64)"; do
        grep -qF "$words" report.html || { echo "no '$words'"; return 1; }
    done
    python3 -c 'import re, xml.dom.minidom as m; s = re.findall(r"<svg.*?</svg>", open("report.html").read(), re.S); assert len(s) >= 4; [m.parseString(x) for x in s]'
    cp report.html first.html
    "$WAGLE" report tiny.json after.json after-text.json after --out report.html --force
    cmp report.html first.html
}
byte_tokenizer_model() {
    cp -r "$model" tiny && byte_tokenizer tiny
    for i in 1 2 3; do echo "{\"question\": \"Who is $i?\", \"answer\": \"Number $i of all.\"}"; done >text.jsonl
}

@test "without a certificate the page says in words what its results show, and which suite is missing" {
    hostile
    "$WAGLE" report 'original=b.json' 'x=a.json' --out page.html
    in_order page.html 'What was forgotten, and what was kept' 'x: the answer probability on the forget set stayed at 0.6770.' 'x: the answer probability on the retain set stayed at 0.6770.' 'this page cannot say which figure counts as forgotten'
    "$WAGLE" report 'original=b.json' 'gold=b.json' 'x=a.json' --out gold.html
    in_order gold.html 'x: the answer probability on the forget set stayed at 0.6770.' 'For comparison, the answer probability on the forget set is 0.6770 for a model that never saw the forget set (gold).'
    absent 'cannot say which figure' gold.html
    python3 -c 'import json; [open(n, "w").write("".join(l for l in open("after.rows.jsonl") if json.loads(l)["set"] == s)) for n, s in (("f.rows.jsonl", "forget"), ("r.rows.jsonl", "retain"))]'
    for n in f r; do "$WAGLE" eval --recompute $n.rows.jsonl --out only-$n.json --quiet >/dev/null; done
    "$WAGLE" report x=only-f.json --out f.html
    in_order f.html 'x: the answer probability on the forget set is 0.6770.' 'These results do not say what the model kept.' '--suite general'
    "$WAGLE" report x=only-r.json --out r.html
    in_order r.html 'These results do not say whether the data was forgotten' 'wagle eval --suite tofu, extraction, muse or copyright'
    absent 'no verdict' f.html r.html
}

@test "reports that cannot be made" {
    echo '{}' >x.json; mkdir empty
    refused 3 "x.json: not a result of eval --suite" "$WAGLE" report x.json --out out
    refused 3 'no manifest.json' "$WAGLE" report empty --out out
    refused 3 'nosuch.json: no such file' "$WAGLE" report nosuch.json --out out
    refused 3 'the folder of a run, or a result' "$WAGLE" report forget.jsonl --out out
    refused 2 'which runs?' "$WAGLE" report --out out
    echo '{"suites": {}}' >y.json; refused 2 "no model is labelled 'z'" "$WAGLE" report y.json --gold z --out out
    refused 2 'x.json' "$WAGLE" report y.json --out x.json
}

@test "a report says which gamma chose the weights and what was protected" {
    byte_tokenizer_model
    for way in '--selector wagle --gamma auto --density 0.2' '--selector wagle --gamma diag --density 0.2 --protect retain --protect-damping 0.5' '--protect retain'; do
        "$WAGLE" unlearn --model tiny --forget forget.jsonl --retain retain.jsonl $way --steps 1 --lr 1e-5 --out "run$((++n))" --quiet >/dev/null
    done
    "$WAGLE" report run1 run2 run3 --out report.html
    rows=$(grep -c . retain.jsonl)
    grep -qF '>wagle, gamma auto, density 0.2</td>' report.html
    grep -qF ">wagle, gamma diag, density 0.2; $rows rows protected, damping 0.5</td>" report.html
    grep -qF ">all weights; $rows rows protected, damping " report.html
}

@test "in a browser and on paper: no overflow from 360 px on, no request, no script, no line on the console" {
    hostile
    "$WAGLE" report "$GOLD/certificates/forgotten" 'original=b.json' 'after=a.json' --out certificate.html
    certificate 'x = "W" * 300; c["sentences"] = [x]; c["asked"]["data"] = c["asked"]["layout"] = c["asked"]["subjects"][0] = c["tests"][0]["words"] = c["tests"][0]["why"] = x; c["commands"] = c["not_tested"] = [x]; c["models"]["original"]["path"] = x; c["answers"][0] = {"question": x, "before": x, "after": x}'
    "$WAGLE" report asked --out long.html
    [ -z "${WG_DEMO_REPORT:-}" ] || cp "$WG_DEMO_REPORT" demo.html
    status=0; python3 "$GOLD/../browser/check_report.py" *.html >said 2>&1 || status=$?
    cat said
    [ $status != 77 ] || skip "no Chromium"
    [ $status = 0 ]
}
