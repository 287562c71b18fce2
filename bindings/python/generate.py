"""Makes the two modules of the package that repeat what C says: _ffi.py (declarations) and _options.py (keyword arguments).

    python3 generate.py --compiler cc --library libwagle.so --out FOLDER

Everything comes from include/wagle, cli/options.def (help) and the library itself (defaults, tables), so that no option is
written twice. The compiler then checks that it lays the structures out as cffi does."""
import argparse
import ast
import os
import re
import subprocess

import cffi

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(f"{HERE}/../..")
INCLUDE = f"{ROOT}/include"

# Python function: its structure of options, the function of the defaults, and the arguments that functions.py spells out.
CALLS = {
    "import_": ("wagle_import_options", "wagle_import_defaults", "gguf out"),
    "export": ("wagle_export_options", "wagle_export_defaults", "model out"),
    "init": ("wagle_init_options", "wagle_init_defaults", "config out"),
    "inspect": ("wagle_inspect_options", "wagle_inspect_defaults", "path"),
    "attribute": ("wagle_attribute_options", "wagle_attribute_defaults", "model forget retain out"),
    "mask": ("wagle_mask_options", "wagle_mask_defaults", "scores out"),
    "compare_masks": ("wagle_compare_options", "wagle_compare_defaults", "masks"),
    "finetune": ("wagle_train_options", "wagle_finetune_defaults", "model retain out mask on_step"),
    "unlearn": ("wagle_train_options", "wagle_unlearn_defaults", "model forget retain out mask on_step"),
    "sweep": ("wagle_sweep_options", "wagle_sweep_defaults", "spec out"),
    "join_sweeps": ("wagle_join_options", "wagle_join_defaults", "sweeps out"),
    "diff": ("wagle_diff_options", "wagle_diff_defaults", "before after out"),
    "apply": ("wagle_patch_options", "wagle_patch_defaults", "model patch out"),
    "revert": ("wagle_patch_options", "wagle_patch_defaults", "model patch out"),
    "merge": ("wagle_merge_options", "wagle_merge_defaults", "models out"),
    "generate": ("wagle_generate_options", "wagle_generate_defaults", "model prompts on_token"),
    "stream": ("wagle_generate_options", "wagle_generate_defaults", "model prompts on_token"),
    "eval": ("wagle_eval_options", "wagle_eval_defaults", "model data"),
    "eval_suites": ("wagle_suite_options", "wagle_suite_defaults", "model suites sets"),
    "difference": ("wagle_difference_options", "wagle_difference_defaults", "a b"),
    "report": ("wagle_report_options", "wagle_report_defaults", "runs out"),
    "forget": ("wagle_forget_options", "wagle_forget_defaults", "model data out"),
    "demo": ("wagle_demo_options", "wagle_demo_defaults", "out"),
    "logits": ("wagle_rows_options", "wagle_rows_defaults", "model data out"),
    "gradient": ("wagle_rows_options", "wagle_rows_defaults", "model data out"),
}
FACTS = {"Step": "wagle_step", "TrainResult": "wagle_train_result", "Token": "wagle_token"}
# Members that another member stands for in Python, or that only C needs.
HIDDEN = set("size opened made params n_params on_step_user on_token_user confirm_user score_tensors mask_tensors n n_masks "
             "n_densities n_weights clip_each json prompt_bytes path more rows reserved".split())
SHOWN = {("wagle_inspect_options", "path")}
# What a context is told, in place of a structure's members.
COMMON = "threads memory device gpu_memory precision".split()
TYPES = {"char *": "Path", "char * *": "Path | Sequence[Path]", "double": "float", "int64_t": "int", "uint64_t": "int",
         "_Bool": "bool", "wagle_data": "Data", "wagle_gamma": "float | Literal['diag', 'auto', 'protect']",
         "double *": "Sequence[float]", "wagle_attribute_options *": "AttributeOptions", "int32_t": "int", "size_t": "int",
         "wagle_suite_options *": "WatchOptions", "_Bool(*)(void *, char *)": "Callable[[str], bool | None]",
         "_Bool(*)(void *, wagle_step *)": "Callable[[Step], bool | None]",
         "_Bool(*)(void *, wagle_token *)": "Callable[[Token], bool | None]"}
# The rows of the option tables, as Python reads them.
TABLES = r"""
#define WAGLE_OPTION(type, member, kind, finetune, unlearn, attributes) (#member, #kind, [attributes]),
#define OPTION(kind, member, attributes) (#member, #kind, [attributes]),
#define DECIDES(with)
#define EXPLAINS(with, fact)
#define IGNORED
#define ABOVE(x) ("range", "above " #x),
#define AT_LEAST(x) ("range", #x " or more"),
#define FROM_TO(x, y) ("range", #x " to " #y),
#define ABOVE_TO(x, y) ("range", "above " #x ", at most " #y),
#define ABOVE_BELOW(x, y) ("range", "above " #x ", below " #y),
#define CHOICES(type)
#define TABLE(info) ("table", #info),
#define UNSET(x, words) ("unset", #x, words),
#define MANIFEST(when)
#define SWEEP(wanted)
#define FLAG(name, value, group, place, commands, help) ("flag", name, help),
#define NAMED(name, value, group, place, help) ("flag", name, help),
#define HELP_OF(command, help) ("help", command, help),
#define WAGLE_CHOICES(type) (#type, [
#define WAGLE_CHOICE(constant, word) (#constant, word),
#define WAGLE_CHOICES_END(type) ]),
#include "%s"
"""


# --- what C says ----------------------------------------------------------------------------------------------------------

def preprocess(compiler, text, *flags):
    return subprocess.run([compiler, "-E", "-P", *flags, "-x", "c", "-"], input=text, capture_output=True, text=True, check=True).stdout


def read_table(compiler, path):
    return ast.literal_eval("[" + preprocess(compiler, TABLES % path) + "]")


def declarations(compiler, out):
    """The headers as cffi reads them: without system headers, attributes and bodies of inline functions."""
    empty = f"{out}/empty"
    os.makedirs(empty, exist_ok=True)
    for name in ("stdbool.h", "stddef.h", "stdint.h"):
        open(f"{empty}/{name}", "w").close()
    text = preprocess(compiler, "#include <wagle/wagle.h>\n", "-nostdinc", "-U__GNUC__", f"-I{empty}", f"-I{INCLUDE}")
    return re.sub(r"static inline void \w+\([^)]*\)\s*\{[^}]*\}", "", text)


def constants(compiler):
    """The macros that are numbers, and in which version."""
    text = preprocess(compiler, "#include <wagle/wagle.h>\n@ WAGLE_AUTO @ WAGLE_LR_AUTO @", f"-I{INCLUDE}")
    auto, lr_auto = text.rsplit("@", 3)[1:3]
    return {"WAGLE_AUTO": float(ast.literal_eval(auto.strip())), "WAGLE_LR_AUTO": float(lr_auto)}


def check_layout(compiler, ffi, structures):
    """Compiles what cffi thinks of sizes and offsets."""
    lines = ["#include <stddef.h>", "#include <wagle/wagle.h>"]
    for name in structures:
        lines.append(f'_Static_assert(sizeof({name}) == {ffi.sizeof(name)}, "{name}");')
        lines += [f'_Static_assert(offsetof({name}, {field}) == {ffi.offsetof(name, field)}, "{name}.{field}");'
                  for field, _ in ffi.typeof(name).fields]
    subprocess.run([compiler, "-std=c11", "-fsyntax-only", f"-I{INCLUDE}", "-x", "c", "-"], input="\n".join(lines), text=True, check=True)


def comments(headers):
    """(structure, member): its comment in the header."""
    found = {}
    for structure, body in re.findall(r"typedef struct (\w+) \{\n(.*?)\n\} \1;", headers, re.S):
        before, names, line_end = "", [], False
        for gap, comment, declaration in re.findall(r"(\s*)(?:(/\*.*?\*/)|([^;/]+;))", body, re.S):
            text = re.sub(r"\s*\n\s*\*?\s*", " ", comment[2:-2]).strip()
            if declaration:
                names = re.findall(r"(\w+)(?:\[\w+\])?(?=[,;])", declaration)
                found.update({(structure, name): before for name in names if before})
                before = ""
            elif "\n" not in gap and names:
                found.update({(structure, name): text for name in names})
            else:
                before = text
    return found


def table_names(ffi, lib, function):
    names, i = [], 0
    while (info := getattr(lib, function)(i)).name != ffi.NULL:
        names.append(ffi.string(info.name).decode())
        i += 1
    return names


# --- what Python gets -----------------------------------------------------------------------------------------------------

class Options:
    """All that is known of members of structures, and of keywords beside them."""

    def __init__(self, compiler, ffi, lib):
        self.ffi, self.lib = ffi, lib
        self.choices = {name: [word for _, word in rows] for name, rows in read_table(compiler, f"{INCLUDE}/wagle/choices.def")}
        self.constants = {constant: word for _, rows in read_table(compiler, f"{INCLUDE}/wagle/choices.def") for constant, word in rows}
        self.train = {row[0]: row for row in read_table(compiler, f"{INCLUDE}/wagle/train_options.def")}
        self.others = {row[0]: row for row in read_table(compiler, f"{ROOT}/cli/options.def")}
        self.flags = {a[1]: row[0] for table in (self.others, self.train) for row in table.values() for a in row[2] if a[0] == "flag"}
        names = sorted(os.listdir(f"{INCLUDE}/wagle"))
        self.comments = comments("".join(open(f"{INCLUDE}/wagle/{name}").read() for name in names if name.endswith(".h")))
        self.comments |= self.comments_of_training()
        self.numbers = constants(compiler)
        self.params = self.objective_params()

    def comments_of_training(self):
        text = open(f"{INCLUDE}/wagle/train_options.def").read()
        rows = re.findall(r"/\*((?:(?!\*/).)*)\*/\nWAGLE_OPTION\([^,]+, (\w+)", text, re.S)
        return {("wagle_train_options", name): re.sub(r"\s*\n \* ", " ", comment).strip() for comment, name in rows}

    def objective_params(self):
        found, i = {}, 0
        while (p := self.lib.wagle_objective_param(i)).key != self.ffi.NULL:
            key = self.ffi.string(p.key).decode()
            found[key.replace(".", "_")] = (key, f"{self.ffi.string(p.help).decode()} ({p.min:g} to {p.max:g})", f"{p.value:g}")
            i += 1
        return found

    def plain(self, text):
        """A comment or a help of the command in the words of Python."""
        text = re.sub(r"--([a-z][a-z-]*)", lambda m: self.flags.get(m[1], m[1].replace("-", "_")), text)
        text = re.sub(r"\bWAGLE_[A-Z0-9_]+", lambda m: "'auto'" if m[0] in self.numbers else repr(self.constants.get(m[0], m[0].lower().split("_")[-1])), text)
        text = re.sub(r"(, or NULL|; or NULL|or NULL)$", "", re.sub(r",? NULL-terminated", "", text)).replace("NULL", "None")
        text = re.sub(r"\[n_\w+\] ", "", text).replace("wagle_data", "the rows")
        return re.sub(r"\bwagle_(\w+?)_options\b", lambda m: {"train": "unlearn", "suite": "eval_suites"}.get(m[1], m[1]), text)

    def row(self, structure, member):
        return (self.train.get(member) if structure == "wagle_train_options" else None) or self.others.get(member) or self.train.get(member)

    def attribute(self, structure, member, name):
        row = self.row(structure, member)
        return next((a[1:] for a in row[2] if a[0] == name), None) if row else None

    def doc(self, function, structure, member):
        training = structure == "wagle_train_options"
        row, comment = self.row(structure, member), self.comments.get((structure, member), "")
        helps = {a[1]: a[2] for a in row[2] if a[0] == "help"} if row and training else {}
        flag = self.attribute(structure, member, "flag")
        text = helps.get(function) or ((flag and flag[1]) if training else comment) or comment or (flag and flag[1]) or ""
        bounds = self.attribute(structure, member, "range") if training or not comment else None
        return self.plain(text) + (f" ({bounds[0]})" if bounds else "")

    def auto(self, structure, member, value, kind):
        """The number that 'auto' stands for, or None."""
        unset = self.attribute(structure, member, "unset")
        own = self.comments.get((structure, member), "")
        named = unset[0] if unset else own.split(":")[0]
        if named in self.numbers:
            return self.numbers[named]
        return value if kind in ("double", "int64_t") and value == self.numbers["WAGLE_AUTO"] else None

    def hint(self, structure, member, field, auto=None):
        kind = field.type.cname
        row, table = self.row(structure, member), self.attribute(structure, member, "table")
        if member == "clip":
            return "float | str"
        if member == "mask":
            return "Path | Mask | Mapping[str, Any]"
        if member == "sets":
            return "Mapping[str, Data]"
        if kind in self.choices:
            return f"Literal[{', '.join(repr(word) for word in self.choices[kind] if word)}]"
        if kind == "char *" and table and structure in ("wagle_train_options", "wagle_attribute_options"):
            return f"Literal[{', '.join(map(repr, table_names(self.ffi, self.lib, table[0])))}]"
        if kind == "char *" and row and row[1] == "TEXT":
            return "str"
        return TYPES[kind] + (" | Literal['auto']" if auto is not None else "")

    def default(self, value, kind, auto):
        """As Python writes it; '' where nothing is set."""
        if kind in self.choices:
            word = self.choices[kind][int(self.ffi.cast("int", value))]
            return repr(word) if word else ""
        if kind == "char *":
            return repr(self.ffi.string(value).decode()) if value != self.ffi.NULL else ""
        if kind == "wagle_gamma":
            return "'diag'"
        if kind in ("double", "int64_t", "uint64_t", "_Bool"):
            return "'auto'" if auto is not None and value == auto else f"{value:g}" if kind == "double" else repr(value)
        return ""

    def members(self, function):
        """Keyword: (hint, default, what it is, number of 'auto') of a function's structure."""
        structure, defaults, _ = CALLS[function]
        filled = self.ffi.new(f"{structure} *")
        getattr(self.lib, f"{defaults}_sized")(filled, self.ffi.sizeof(structure))
        found = {}
        for member, field in self.ffi.typeof(structure).fields:
            if (member in HIDDEN and (structure, member) not in SHOWN) or (function, member) == ("stream", "on_token"):
                continue
            kind, value = field.type.cname, getattr(filled, member)
            auto = self.auto(structure, member, value, kind)
            found[member] = self.hint(structure, member, field, auto), self.default(value, kind, auto), self.doc(function, structure, member), auto
        if any(name == "params" for name, _ in self.ffi.typeof(structure).fields):
            found |= {name: ("float", default, text, None) for name, (_, text, default) in self.params.items()}
        return found

    def layout(self):
        return {member: (self.hint("wagle_data", member, field), "", self.doc("", "wagle_data", member), None)
                for member, field in self.ffi.typeof("wagle_data").fields if member not in HIDDEN}

    def common(self):
        hints = {"memory": "int | str", "gpu_memory": "int | str", "threads": "int", "device": "str",
                 "precision": f"Literal[{', '.join(repr(word) for word in self.choices['wagle_precision'] if word)}]"}
        found = {name: (hints[name], "", self.doc("", "", name), None) for name in COMMON}
        found["on_progress"] = ("Callable[[str, int, int, str | None], object]", "",
                                "called with the stage, what is done of it, the total, and a detail or None", None)
        return found


def typed_dict(name, bases, members, skip=()):
    lines = [f"class {name}({', '.join(bases)}, total=False):"]
    for member, (hint, default, text, _) in members.items():
        if member not in skip:
            lines += [f"    {member}: {hint}", f'    """{sentence(text, default)}"""'.replace("\\", "\\\\")]
    return lines + (["    pass"] if len(lines) == 1 else []) + [""]


def sentence(text, default):
    return (text[:1].upper() + text[1:]).rstrip(".") + (f"; default {default}" if default else "") + "." if text or default else ""


def facts(options, name, structure):
    """A structure that the library fills, as a class."""
    lines = ["@dataclass", f"class {name}:"]
    for member, field in options.ffi.typeof(structure).fields:
        kind = field.type.cname
        if member not in ("size", "bytes"):
            hint = "str" if kind == "char *" else TYPES[kind]
            lines += [f"    {member}: {hint}", f'    """{sentence(options.plain(options.comments.get((structure, member), "")), "")}"""']
    return lines + [""]


def write_options(options, path):
    lines = ['"""Keyword arguments of the functions, and what callbacks are told: generated from the headers by generate.py."""',
             "from __future__ import annotations", "", "import os", "from collections.abc import Callable, Mapping, Sequence",
             "from dataclasses import dataclass", "from typing import TYPE_CHECKING, Any, Literal, TypedDict, Union", "",
             "if TYPE_CHECKING:", "    from ._rows import Data", "    from ._tensors import Mask", "",
             'Path = Union[str, "os.PathLike[str]"]', ""]
    for name, structure in FACTS.items():
        lines += [""] + facts(options, name, structure)
    lines += [""] + typed_dict("Common", ["TypedDict"], options.common()) + [""] + typed_dict("Layout", ["TypedDict"], options.layout())
    for function, (structure, _, own) in CALLS.items():
        has_data = any(field.type.cname == "wagle_data" for _, field in options.ffi.typeof(structure).fields)
        title = "".join(part.title() for part in function.split("_"))
        lines += [""] + typed_dict(f"{title}Options", ["Common", "Layout"] if has_data else ["Common"], options.members(function), own.split())
    lines += [""] + typed_dict("WatchOptions", ["EvalSuitesOptions"], {k: v for k, v in options.members("eval_suites").items() if k in ("suites", "sets")})
    lines += ["", "# Enumeration: its words, by number.", f"CHOICES: dict[str, tuple[str, ...]] = {literal({k: tuple(v) for k, v in options.choices.items()})}",
              "# Keyword: the objective's own option.", f"PARAMS: dict[str, str] = {literal({k: v[0] for k, v in options.params.items()})}",
              "# Keyword: (type, default, what it is), of each function, of rows and of the context.", "Documented = dict[str, tuple[str, str, str]]",
              f"LAYOUT: Documented = {literal({k: v[:3] for k, v in options.layout().items()})}",
              f"COMMON: Documented = {literal({k: v[:3] for k, v in options.common().items()})}",
              f"CALLS: dict[str, tuple[str, str, Documented]] = {literal({f: (c[0], c[1], {k: v[:3] for k, v in options.members(f).items()}) for f, c in CALLS.items()})}",
              "# (structure, member): the number that 'auto' stands for.",
              f"AUTO: dict[tuple[str, str], float] = {literal({(c[0], k): v[3] for f, c in CALLS.items() for k, v in options.members(f).items() if v[3] is not None})}"]
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")


def literal(value):
    """repr, a line for each entry."""
    return "{\n" + "".join(f"    {key!r}: {entry!r},\n" for key, entry in value.items()) + "}"


def main():
    parser = argparse.ArgumentParser()
    for name in ("compiler", "library", "out"):
        parser.add_argument(f"--{name}", required=True)
    given = parser.parse_args()
    ffi = cffi.FFI()
    ffi.cdef(declarations(given.compiler, given.out))
    ffi.set_source("wagle._ffi", None)
    ffi.emit_python_code(f"{given.out}/_ffi.py")
    structures = {c[0] for c in CALLS.values()} | set(FACTS.values()) | {"wagle_data", "wagle_tensor", "wagle_tensors", "wagle_weight", "wagle_info", "wagle_param",
                                                                          "wagle_param_info", "wagle_generation", "wagle_gamma", "wagle_forget_result"}
    check_layout(given.compiler, ffi, sorted(structures))
    write_options(Options(given.compiler, ffi, ffi.dlopen(os.path.abspath(given.library))), f"{given.out}/_options.py")


if __name__ == "__main__":
    main()
