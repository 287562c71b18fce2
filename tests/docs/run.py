#!/usr/bin/env python3
"""Runs the commands of README.md and docs/, and compares what they print with what the page shows.

    python3 tests/docs/run.py build/release/wagle [PAGE...]

Each page has a folder of its own with small models and data under the names that the page uses (stand_ins.py). Its shell blocks
run there from top to bottom. A block of `text` after a shell block is the output of that block: `...` stands for any text, a line
`...` for any lines. An HTML comment before a block says what differs:

    <!-- not run: REASON -->        the shell block only has its options checked; its output is not compared
    <!-- numbers differ: REASON --> numbers of the output are not compared, its words are
    <!-- not compared: REASON -->   the output is not compared
    <!-- example: REASON -->        text that is no command's output
    <!-- exits with N -->           of the shell block
    <!-- may exit with N: REASON -->
    <!-- file: NAME -->             the block is written into the folder under this name
"""
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import stand_ins

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
KINDS = ("not run", "numbers differ", "not compared", "example", "exits with", "may exit with", "file")
UNMET = 5  # --stop-when was not reached: stand-ins are too small for some rules
GENERATED = ("docs/reference/commands.md", "docs/reference/tables.md")  # from the tables; tests/cli/help.bats holds them
problems = []


def complain(page, line, words):
    problems.append(f"{page}:{line}: {words}")


class Block:
    def __init__(self, line, language, notes):
        self.line, self.language, self.notes, self.lines = line, language, notes, []

    @property
    def text(self):
        return "".join(self.lines)

    def note(self, kind):
        return self.notes.get(kind)


def read_notes(page, number, comment):
    text = comment[4:-3].strip()
    for kind in KINDS:
        if re.match(rf"{kind}\b", text):
            value = text[len(kind):].lstrip(": ")
            if not value:
                complain(page, number, f"'{kind}' wants a reason or a value")
            return {kind: value}
    return {}


def read_blocks(page):
    """The fenced blocks of a page, each with the notes of the comments right before it."""
    blocks, block, notes, before, in_list, in_html = [], None, {}, "", False, False
    for number, line in enumerate(open(os.path.join(ROOT, page), encoding="utf-8"), 1):
        fence = re.match(r"^ *```(\w*)", line)
        if block is not None:
            if fence:
                blocks.append(block)
                block = None
            else:
                block.lines.append(line)
        elif fence:
            block, notes = Block(number, fence[1], notes), {}
        elif line.startswith("<!--") and line.rstrip().endswith("-->"):
            notes |= read_notes(page, number, line.strip())
        elif line.strip():
            notes = {}
            in_html = line.startswith("<") or (in_html and before.strip() != "")
            in_list = bool(re.match(r" *([-*+]|\d+\.) ", line)) or (in_list and line.startswith(" "))
            if line.startswith("    ") and not before.strip() and not in_list and not in_html:
                complain(page, number, "an indented block: use ``` and name its language")
        before = line
    return blocks


options_of = {}


def known_options(wagle, command):
    """Every --option that the help of a command names."""
    if command not in options_of:
        pages = [[command], ["common"]]
        text = "".join(subprocess.run([wagle, "help", *page], capture_output=True, text=True).stdout for page in pages)
        options_of[command] = set(re.findall(r"--[a-z0-9][a-z0-9-]*", text))
    return options_of[command]


def commands_of(text):
    """The commands of a shell text, as lists of words; words of the shell itself are left in."""
    for line in text.replace("\\\n", " ").split("\n"):
        try:
            words = shlex.split(line, comments=True)
        except ValueError:  # a quoted text over several lines
            continue
        start = 0
        for i, word in enumerate(words + [";"]):
            if word in (";", "&&", "||", "|") or word.endswith(";"):
                yield [w.rstrip(";") for w in words[start:i + 1] if w not in (";", "&&", "||", "|")]
                start = i + 1


def check_words(page, block, wagle):
    """A command that is not run names commands, options, programs and targets that exist."""
    makefile = open(os.path.join(ROOT, "Makefile"), encoding="utf-8").read()
    for words in commands_of(block.text):
        words = words[1:] if words[:1] == ["do"] else words
        if "make" in words[:2]:
            for target in words[words.index("make") + 1:]:
                if "=" not in target and not re.search(rf"^{target}:", makefile, re.M):
                    complain(page, block.line, f"the Makefile has no target {target}")
        for word in words[:2]:
            if re.match(r"(tools|tests|bench|examples)/", word) and not os.path.exists(os.path.join(ROOT, word)):
                complain(page, block.line, f"there is no {word}")
        if words[:1] != ["wagle"] or len(words) < 2 or words[1] in ("help",):
            continue
        known = known_options(wagle, words[1])
        if words[1] == "recipe":  # passes the options of its commands on
            known = known | set().union(*(known_options(wagle, c) for c in ("attribute", "mask", "unlearn", "eval", "report")))
        if not known:
            complain(page, block.line, f"wagle has no command {words[1]}")
        for word in words[2:]:
            option = re.match(r"--[a-z0-9-]+", word)
            if option and known and option[0] not in known:
                complain(page, block.line, f"wagle {words[1]} has no option {option[0]}")


def pattern_of(line, numbers_differ):
    """A line of shown output as a regular expression; spaces may differ in number."""
    out = ""
    for part in re.split(r"(\.\.\.|-?\d[\d.,e+-]*|\s+)", line.strip()):
        if part == "...":
            out += ".*"
        elif numbers_differ and re.match(r"-?\d", part):
            tail = re.search(r"[.,]*$", part)[0]
            out += r"-?\d[\d.,e+-]*" if not tail else r"-?\d[\d.,e+-]*" + re.escape(tail)
        elif part.isspace():
            out += r"\s+"
        else:
            out += re.escape(part)
    return out


def same_output(shown, printed, numbers_differ):
    """None, or the first shown line that was not printed there."""
    lines = [line for line in printed.split("\n") if line.strip()]
    at, skip = 0, False
    for line in shown.split("\n"):
        if not line.strip():
            continue
        if line.strip() == "...":
            skip = True
            continue
        pattern = pattern_of(line, numbers_differ)
        while at < len(lines) and not re.fullmatch(pattern, lines[at].strip()):
            if not skip:
                return line
            at += 1
        if at == len(lines):
            return line
        at, skip = at + 1, False
    return None if at == len(lines) or skip else f"(nothing more), but there is: {lines[at]}"


def run_block(page, block, folder, wagle):
    environment = dict(os.environ, PATH=f"{os.path.dirname(wagle)}:{os.environ['PATH']}", OMP_NUM_THREADS="1",
                       LC_ALL="C.UTF-8")
    done = subprocess.run(["bash", "-eu", "-o", "pipefail", "-c", block.text], cwd=folder, env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=100)
    want = int(block.note("exits with") or 0)
    allowed = {want} if want else {0, UNMET}
    if block.note("may exit with"):
        allowed.add(int(block.note("may exit with").split(":")[0]))
    if done.returncode not in allowed:
        complain(page, block.line, f"exit code {done.returncode}, expected {want}:\n{block.text}{done.stdout}")
    return done.stdout


def run_page(page, wagle, ready):
    printed, counts = None, {"run": 0, "not run": 0, "compared": 0}
    with tempfile.TemporaryDirectory() as work:
        folder = os.path.join(work, "page")
        shutil.copytree(ready, folder)
        for block in read_blocks(page):
            if block.note("file"):
                with open(os.path.join(folder, block.note("file")), "w", encoding="utf-8") as f:
                    f.write(block.text)
                printed = None
            elif block.language in ("sh", "bash", "console", "shell"):
                if not block.note("exits with"):
                    check_words(page, block, wagle)
                skipped = block.note("not run") is not None
                printed = None if skipped else run_block(page, block, folder, wagle)
                counts["not run" if skipped else "run"] += 1
                last_skipped = skipped
            elif block.language == "text" and not (block.note("example") or block.note("not compared")):
                if printed is None and not (block.notes or "last_skipped" in locals() and last_skipped):
                    complain(page, block.line, "a text block that follows no shell block: say what it is in a comment")
                elif printed is not None:
                    missing = same_output(block.text, printed, block.note("numbers differ") is not None)
                    counts["compared"] += 1
                    if missing:
                        complain(page, block.line, f"the page shows: {missing}\nprinted was:\n{printed}")
            elif block.language == "":
                complain(page, block.line, "a block without a language: sh, text, json, ...")
    return counts


def pages_of():
    found = ["README.md"]
    for folder, _, names in os.walk(os.path.join(ROOT, "docs")):
        found += [os.path.relpath(os.path.join(folder, name), ROOT) for name in names if name.endswith(".md")]
    return sorted(page for page in found if page not in GENERATED)


def main():
    wagle = os.path.abspath(sys.argv[1])
    total = {}
    with tempfile.TemporaryDirectory() as ready:
        stand_ins.make(wagle, ready)
        for page in sys.argv[2:] or pages_of():
            for key, n in run_page(page, wagle, ready).items():
                total[key] = total.get(key, 0) + n
    print("\n".join(problems))
    print(f"{total.get('run', 0)} shell blocks run, {total.get('not run', 0)} not run, {total.get('compared', 0)} outputs compared, "
          f"{len(problems)} problems")
    return len(problems) > 0


if __name__ == "__main__":
    sys.exit(main())
