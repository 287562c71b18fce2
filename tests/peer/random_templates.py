#!/usr/bin/env python3
"""Random templates by wagle and by jinja2 in transformers' environment: equal text, or an error in both.

    python tests/peer/random_templates.py build/release/render_template SEED COUNT

What wagle refuses by name is counted apart. Two things that no template writes are left out: a slice of a literal none,
and what prints an object's address. Differences are printed."""
import copy, json, os, random, subprocess, sys, warnings

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../gold/make"))
import jinja as gold

warnings.simplefilter("ignore")
program, r, count = sys.argv[1], random.Random(int(sys.argv[2])), int(sys.argv[3])
NAMES = "n f s l d none yes no messages people nested empty words lines quote mixed x y zz digits html".split()
TEXTS = ["a", "", "Hello", "é好", "a,b,c", "  x ", "\\n", " ", "b", "content", "role", "<b>", "%s", "x y", "user", "1", "-5", "name"]
FILTERS = ("upper lower title capitalize trim string int float abs round length first last list items sort unique reverse sum min max join tojson "
           "dictsort count default wordcount escape safe").split()
WITH_ARGUMENTS = """default('q') default('q',true) join(',') replace('a','b') indent(2) indent(2,true) tojson(indent=2) batch(2) map('string') map('upper')
map(attribute='name') map('int') select select('string') reject('none') selectattr('name') selectattr('role','equalto','user') rejectattr('age')
sort(reverse=true) round(1) trim('a') truncate(5) center(9) slice(2) int(7) sort(attribute='name') unique first list map('length') dictsort(by='value')
format(1) attr('x') tojson(sort_keys=true) sum(start=2) nofilter""".split()
TESTS = ("defined undefined none string number integer float boolean true false mapping sequence iterable callable odd even lower upper eq(1) in(l) "
         "divisibleby(2) sameas(none) gt(2) lt('a')").split()
METHODS = """strip() lstrip() rstrip('a') split() split(',') split(',',1) rsplit(none,1) splitlines() upper() lower() title() startswith('a')
endswith(('a','b')) replace('a','zz') find('a') count('a') items() keys() values() get('a') get('zz',1) format(1) isdigit() join(l) join(['a','b'])
index(1) partition('a') zfill(4) center(7) removeprefix('a') capitalize() swapcase() istitle() copy() append(1)""".split()
SPACES = ["", "\n", " ", "  \n  ", "\n\n", " a ", "b\n", "\t"]


def literal():
    return r.choice([str(r.randint(-3, 9)), repr(r.choice([0.5, 2.0, 1e20, -1.5])), f"'{r.choice(TEXTS)}'", "true", "false", "none", "[]", "{}", "()"])


def expression(depth):
    if depth <= 0:
        return r.choice([literal(), r.choice(NAMES), r.choice(NAMES)])
    inner = lambda: expression(depth - 1)
    made = [lambda: f"({inner()} {r.choice('+ - * / // % ** ~ ~ + +'.split())} {inner()})",
            lambda: f"({inner()} {r.choice(['==', '!=', '<', '>', '<=', '>=', 'in', 'not in'])} {inner()})",
            lambda: f"({inner()} {r.choice(['and', 'or'])} {inner()})", lambda: f"(not {inner()})",
            lambda: f"({inner()} if {inner()} else {inner()})", lambda: f"{inner()} | {r.choice(FILTERS)}",
            lambda: f"({inner()}) | {r.choice(WITH_ARGUMENTS)}", lambda: f"({inner()} is {r.choice(['', 'not '])}{r.choice(TESTS)})",
            lambda: f"{r.choice(NAMES)}.{r.choice(METHODS)}", lambda: f"({inner()}).{r.choice(METHODS)}",
            lambda: f"{r.choice(NAMES)}[{r.choice([literal(), inner(), '1:', '::-1', ':2', '-3:-1', '::2', inner() + ':' + inner()])}]",
            lambda: f"[{inner()}, {inner()}]", lambda: f"{{{r.choice(['1', 'none', repr('a'), '(1,)'])}: {inner()}, 'k': {inner()}}}",
            lambda: f"({inner()}, {inner()})", lambda: r.choice("-+") + inner(), lambda: f"range({r.choice(['3', '1, 4', '5, 0, -2', 'n'])})"]
    return r.choice(made)()


def tag(text):
    return "{%%%s %s %s%%}" % (r.choice(["", "", "-", "+"]), text, r.choice(["", "", "-", "+"]))


def body(depth):
    return "".join(statement(depth) for _ in range(r.randint(1, 3)))


def maybe(chance, make):
    return make() if r.random() < chance else ""


def statement(depth):
    if depth <= 0:
        return "%s{{%s %s %s}}" % (r.choice(SPACES), r.choice(["", "", "-"]), expression(r.randint(0, 2)), r.choice(["", "", "-"]))
    inner = lambda: body(depth - 1)
    made = [lambda: tag("if " + expression(1)) + inner() + maybe(.5, lambda: tag("else") + inner()) + tag("endif"),
            lambda: tag("for x in " + expression(1)) + inner() + r.choice(["", "{{ loop.index }}{{ loop.last }}", "{{ loop.previtem }}|{{ loop.nextitem is defined }}"]) + tag("endfor"),
            lambda: tag("for x, y in " + r.choice(["d.items()", "d | dictsort", "[(1,2)]", "people", "messages | map('list')"])) + inner() + maybe(.3, lambda: tag("else") + inner()) + tag("endfor"),
            lambda: tag("set x = " + expression(2)), lambda: tag("set y") + inner() + tag("endset"),
            lambda: tag(f"macro zz(x, y={literal()})") + inner() + tag("endmacro") + "{{ zz(%s) }}" % expression(1),
            lambda: tag("filter " + r.choice(FILTERS + ["indent(2)"])) + inner() + tag("endfilter"),
            lambda: tag(f"for x in {expression(1)} if {expression(1)}") + inner() + r.choice(["", "{% break %}", "{% continue %}", "{% if loop.first %}{% continue %}{% endif %}", "{{ loop.length }}"]) + tag("endfor"),
            lambda: "{# c #}" + r.choice(SPACES) + tag("raw") + "{{ x }} " + tag("endraw"), lambda: tag("with x = " + expression(1)) + inner() + tag("endwith")]
    return r.choice(SPACES) + r.choice(made)()


work = []
while len(work) < count:
    template = "{{ %s }}" % expression(r.randint(1, 4)) if r.random() < .6 else body(r.randint(1, 3))
    want = gold.expected(template, copy.deepcopy(gold.V))
    if "none[" not in template and " at 0x" not in want.get("text", "") and len(want.get("text", "")) < 100000:
        work.append((template, want))
lines = "".join(json.dumps({"template": t, "context": gold.V, "date": gold.DATE}) + "\n" for t, _ in work)
done = subprocess.run([program], input=lines, stdout=subprocess.PIPE, text=True, check=True)
made = [json.loads(line) for line in done.stdout.split("\n") if line]
counts = {"equal text": 0, "error in both": 0, "refused by name": 0, "differs": 0}
for (template, want), got in zip(work, made, strict=True):
    same = want.get("text") == got.get("text")
    refused = any(words in got.get("error", "") for words in ("64 bits", "not supported", "is printed", "a power that", "more than"))
    kind = ("equal text" if "text" in got else "error in both") if same else "refused by name" if refused else "differs"
    counts[kind] += 1
    if kind == "differs":
        print(repr(template), "\n  jinja2", str(want)[:300], "\n  wagle ", str(got)[:300])
print(f"{count} templates: " + ", ".join(f"{n} {kind}" for kind, n in counts.items()))
sys.exit(counts["differs"] > 0)
