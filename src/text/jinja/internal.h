/* internal.h - shared declarations of the template language.
 *
 *   lex.c       text to tokens           value.c    values: make, compare, iterate
 *   expression.c, statement.c  to nodes  print.c    str(), repr(), JSON
 *   evaluate.c  expressions              unicode.c  spaces and case by code point
 *   operate.c   operators, lookup        format.c   "%s" % x and "{}".format(x)
 *   render.c    statements, macros       filters*.c, tests.c, methods*.c, functions.c  tables */
#ifndef WG_TEXT_JINJA_INTERNAL_H
#define WG_TEXT_JINJA_INTERNAL_H

#include "text/jinja/jinja.h"
#include <time.h>

enum {
    WG_J_TEMPLATE_BYTES = 4 << 20,
    WG_J_NESTING = 100,      /* brackets and blocks in the source */
    WG_J_DEPTH = 600,        /* nested evaluations and calls */
    WG_J_STEPS = 10000000,   /* evaluated nodes, and items processed by builtins */
    WG_J_MEMORY = 192 << 20, /* bytes of values */
    WG_J_OUTPUT = 64 << 20,  /* bytes of text */
    WG_J_PARAMS = 8,         /* parameters of a builtin */
    WG_J_RANGE = 100000,     /* maximum items of a range, as in jinja2's sandbox */
};

/* Position for error messages: template and line. First member of the parser and of a rendering. */
typedef struct wg_jplace {
    wagle_ctx *ctx;
    const char *name;
    int line;
} wg_jplace;

WAGLE_CHECK wagle_status wg_jfail(const wg_jplace *at, const char *format, ...) WG_PRINTF(2);

/* --- values ----------------------------------------------------------------------------------- */

typedef enum wg_jkind {
    WG_J_ABSENT, /* a missing argument; a node without a constant */
    WG_J_UNDEFINED,
    WG_J_NONE,
    WG_J_BOOL,
    WG_J_INT,
    WG_J_REAL,
    WG_J_STRING,
    WG_J_SEQUENCE,
    WG_J_DICT,
    WG_J_NAMESPACE,
    WG_J_MACRO,
    WG_J_FUNCTION, /* a global function */
    WG_J_METHOD,   /* of a value: x.strip */
    WG_J_LOOP,
    WG_J_CYCLER,
    WG_J_JOINER,
    WG_J_SELF, /* the variable `self` (jinja2's blocks, which are not supported) */
} wg_jkind;

typedef struct wg_jvalue {
    wg_jkind kind;
    union {
        bool boolean;
        int64_t integer;
        double real;
        const struct wg_jstring *string;
        struct wg_jsequence *sequence;
        struct wg_jdict *dict; /* also for namespaces */
        const struct wg_jmissing *missing;
        const struct wg_jmacro *macro;
        const struct wg_jentry *function;
        const struct wg_jmethod *method;
        struct wg_jloop *loop;
        struct wg_jcycler *cycler;
        struct wg_jjoiner *joiner;
    };
} wg_jvalue;

/* Valid UTF-8, in the arena of the rendering or of the template. */
typedef struct wg_jstring {
    const char *text;
    int64_t bytes, length; /* length: code points */
    uint64_t hash;
    bool markup; /* result of the filters safe and escape: text added to it is escaped */
} wg_jstring;

typedef enum wg_jflavour {
    WG_J_LIST,
    WG_J_TUPLE,
    WG_J_RANGE_OBJECT,
    WG_J_KEYS, /* views of a dict */
    WG_J_VALUES,
    WG_J_ITEMS,
    WG_J_ITERATOR, /* a generator: no length, true, readable once */
} wg_jflavour;

typedef struct wg_jsequence {
    wg_jflavour flavour;
    wg_jvalue *item;
    int64_t n, capacity;
    int deep;                  /* depth of nested containers */
    int64_t next;              /* of an iterator: number of items read */
    const char *failed;        /* of an iterator: the error after its last item */
    int64_t start, stop, step; /* of a range */
} wg_jsequence;

typedef struct wg_jdict {
    wg_jvalue *key, *value; /* in insertion order */
    uint64_t *hash;
    int64_t n, capacity;
    int deep;
} wg_jdict;

/* Why a value is undefined. */
typedef struct wg_jmissing {
    const wg_jstring *name;
    const char *of;   /* type of the object that lacks the attribute, or NULL */
    const char *hint; /* complete message, or NULL */
} wg_jmissing;

typedef struct wg_jmethod {
    wg_jvalue self;
    const struct wg_jentry *entry;
} wg_jmethod;

typedef struct wg_jcycler {
    const wg_jsequence *items;
    int64_t at;
} wg_jcycler;

typedef struct wg_jjoiner {
    wg_jvalue separator;
    bool used;
} wg_jjoiner;

/* --- the template ----------------------------------------------------------------------------- */

typedef enum wg_jtoken_kind {
    WG_J_DATA,
    WG_J_VARIABLE_BEGIN,
    WG_J_VARIABLE_END,
    WG_J_BLOCK_BEGIN,
    WG_J_BLOCK_END,
    WG_J_WORD,
    WG_J_LITERAL, /* a string or number */
    WG_J_OPERATOR,
    WG_J_END,
} wg_jtoken_kind;

typedef struct wg_jtoken {
    wg_jtoken_kind kind;
    int line;
    int op;                 /* character, or two as in WG_J_OP('/', '/') */
    const wg_jstring *text; /* text data, or a name */
    wg_jvalue value;        /* of a literal */
} wg_jtoken;

#define WG_J_OP(a, b) ((a) << 8 | (b))

typedef enum wg_jnode_kind {
    /* expressions */
    WG_J_CONSTANT,
    WG_J_NAME,
    WG_J_PIPED, /* the input of the filter of a filter block or set block */
    WG_J_TUPLE_OF,
    WG_J_LIST_OF,
    WG_J_DICT_OF,   /* list: key, value, key, ... */
    WG_J_ATTRIBUTE, /* a.name */
    WG_J_ITEM,      /* a[b] */
    WG_J_SLICE,     /* a[b:c:d], each may be NULL */
    WG_J_CALL,      /* a(list) */
    WG_J_FILTER,    /* a | entry(list) */
    WG_J_TEST,      /* a is entry(list) */
    WG_J_NOT,
    WG_J_SIGN, /* op: + or - */
    WG_J_AND,
    WG_J_OR,
    WG_J_CONDITION, /* b if a else c */
    WG_J_BINARY,    /* a op b */
    WG_J_COMPARE,   /* a, then list of WG_J_OPERAND */
    WG_J_OPERAND,   /* op a */
    WG_J_CONCAT,    /* list joined by ~ */
    WG_J_KEYWORD,   /* in arguments and parameters: name=a */
    WG_J_STAR,      /* in arguments: *a */
    WG_J_STARS,     /* in arguments: **a */
    /* targets: WG_J_NAME, WG_J_TUPLE_OF, WG_J_ATTRIBUTE of a namespace */
    /* statements */
    WG_J_TEXT,
    WG_J_OUTPUT_OF,    /* {{ a }} */
    WG_J_IF,           /* a, body, other */
    WG_J_FOR,          /* target b in a, if c: body; other */
    WG_J_SET,          /* b = a */
    WG_J_SET_BLOCK,    /* b = body, through filter a */
    WG_J_WITH,         /* list of WG_J_SET, body */
    WG_J_MACRO_OF,     /* name(list), body */
    WG_J_CALL_BLOCK,   /* call(list) a: body */
    WG_J_FILTER_BLOCK, /* filter a: body */
    WG_J_SCOPE,        /* generation: body */
    WG_J_BREAK,
    WG_J_CONTINUE,
} wg_jnode_kind;

typedef struct wg_jnode {
    wg_jnode_kind kind;
    int line, op;
    struct wg_jnode *a, *b, *c, *d;
    struct wg_jnode *list, *next;
    struct wg_jnode *body, *other;
    const wg_jstring *name;        /* interned: equal names have equal pointers */
    const struct wg_jentry *entry; /* of a filter or test; NULL: refused when evaluated */
    wg_jvalue value;
    bool caller, kwargs, varargs; /* special variables that a macro's body reads */
} wg_jnode;

/* Names with a special meaning. */
typedef enum wg_jspecial {
    WG_J_LOOP_NAME,
    WG_J_CALLER,
    WG_J_KWARGS,
    WG_J_VARARGS,
    WG_J_SELF_NAME,
    WG_J_SPECIALS
} wg_jspecial;

struct wg_jinja {
    wg_arena arena;
    const char *name;
    wg_jnode *body;
    struct wg_jinterned *names;
    const wg_jstring *special[WG_J_SPECIALS]; /* interned */
};

enum { WG_J_BUCKETS = 256 };

typedef struct wg_jparser {
    wg_jplace at;
    wg_arena *arena;
    wg_jtoken *token; /* [tokens], the last is WG_J_END */
    int64_t tokens, capacity, now;
    struct wg_jinterned **bucket; /* [WG_J_BUCKETS] */
    struct wg_jinterned *names;
    int depth, loops;
    wg_jnode *unknown; /* unknown filters and tests, linked by `other`; op: when they are refused */
    bool soft;         /* inside a condition: refuse them only when evaluated */
    struct wg_juses *uses;
} wg_jparser;

enum { WG_J_REFUSE_LATER = 1 };

/* An interned name, in a linked list. */
typedef struct wg_jinterned {
    wg_jstring string;
    struct wg_jinterned *next, *chain;
} wg_jinterned;

/* The stack of macros being parsed. */
typedef struct wg_juses {
    wg_jnode *macro;
    struct wg_juses *outer;
} wg_juses;

WAGLE_CHECK wagle_status wg_jlex(wg_jparser *p, const char *text, size_t bytes);
WAGLE_CHECK wagle_status wg_jintern(wg_jparser *p, const char *text, size_t bytes,
                                    const wg_jstring **out);
/* expression.c */
WAGLE_CHECK wagle_status wg_jnode_new(wg_jparser *p, wg_jnode_kind kind, wg_jnode **out);
bool wg_jat_op(const wg_jparser *p, int op);
bool wg_jat_word(const wg_jparser *p, const char *word);
bool wg_jskip_op(wg_jparser *p, int op);
bool wg_jskip_word(wg_jparser *p, const char *word);
WAGLE_CHECK wagle_status wg_jexpect_op(wg_jparser *p, int op);
WAGLE_CHECK wagle_status wg_jexpect_word(wg_jparser *p, const wg_jstring **out);
WAGLE_CHECK wagle_status wg_jenter(wg_jparser *p); /* increments p->depth; leave with p->depth-- */
WAGLE_CHECK wagle_status wg_junexpected(wg_jparser *p, const char *wanted);
WAGLE_CHECK wagle_status wg_jparse_expression(wg_jparser *p, bool conditions, wg_jnode **out);
/* Parses an expression, or a tuple without brackets. */
WAGLE_CHECK wagle_status wg_jparse_tuple(wg_jparser *p, bool conditions, wg_jnode **out);
/* Parses filters `| a | b(c)` of `in`. first: the first bar is missing. */
WAGLE_CHECK wagle_status wg_jparse_filters(wg_jparser *p, wg_jnode *in, bool first, wg_jnode **out);
/* statement.c */
WAGLE_CHECK wagle_status wg_jparse(wg_jparser *p, wg_jnode **out);

/* --- rendering -------------------------------------------------------------------------------- */

typedef struct wg_jvariable {
    const wg_jstring *name;
    wg_jvalue value;
    struct wg_jvariable *next;
} wg_jvariable;

typedef struct wg_jscope {
    struct wg_jscope *outer;
    wg_jvariable *variables;
} wg_jscope;

typedef struct wg_jrun {
    wg_jplace at;
    wg_arena arena;
    const wg_jinja *template;
    const json_t *given; /* the variables */
    int64_t steps, memory;
    bool full; /* the memory limit is reached */
    int depth;
    struct tm now;
    wg_jvalue piped;
    wg_jscope *scope; /* of the current expression */
} wg_jrun;

typedef struct wg_jmacro {
    const wg_jnode *node;
    wg_jscope *scope; /* in which it was defined */
} wg_jmacro;

/* A for loop. The condition is evaluated lazily, when an item is needed. */
typedef struct wg_jloop {
    const wg_jnode *node;
    const wg_jsequence *all, *kept; /* kept == all if there is no condition */
    wg_jsequence passed;
    int64_t seen; /* number of items of `all` already tested */
    int64_t index;
    wg_jscope *outer;
    wg_jvalue last_changed;
} wg_jloop;

typedef struct wg_jargs {
    wg_jvalue *value;        /* n positional arguments, then named ones */
    const wg_jstring **name; /* [named] */
    int n, named;
} wg_jargs;

/* A builtin. params: names, with "!" before required ones; "*": it uses `all` directly. */
typedef wagle_status wg_jbuiltin(wg_jrun *run, const wg_jvalue *self, const wg_jvalue *arg,
                                 const wg_jargs *all, wg_jvalue *out);
typedef struct wg_jentry {
    const char *name, *params;
    wg_jbuiltin *run;
} wg_jentry;

#define WG_J_BUILTIN(name)                                                                         \
    static wagle_status name(wg_jrun *run, const wg_jvalue *self, const wg_jvalue *arg,            \
                             const wg_jargs *all, wg_jvalue *out)
#define WG_J_UNUSED (void)run, (void)self, (void)arg, (void)all, (void)out

/* Finds a name in a table that ends with a NULL name; NULL if not found. */
const wg_jentry *wg_jfind(const wg_jentry *table, const wg_jstring *name);
const wg_jentry *wg_jfilter(const wg_jstring *name);
const wg_jentry *wg_jtest(const wg_jstring *name);
const wg_jentry *wg_jfunction(const wg_jstring *name);
extern const wg_jentry wg_jfilters_text[], wg_jfilters_list[], wg_jfilters_choose[];
extern const wg_jentry wg_jmethods_string[], wg_jmethods_split[];
/* Binds the arguments to the parameters and calls the builtin. what: "filter", ... */
WAGLE_CHECK wagle_status wg_jrun_entry(wg_jrun *run, const char *what, const wg_jentry *entry,
                                       const wg_jvalue *self, const wg_jargs *args, wg_jvalue *out);

/* filters_list.c: looks up a path like "a.b" in an item; without a path, the item itself. or_else:
 * the default for undefined values. */
WAGLE_CHECK wagle_status wg_jby_attribute(wg_jrun *run, const wg_jvalue *item,
                                          const wg_jvalue *path, const wg_jvalue *or_else,
                                          wg_jvalue *out);

/* render.c */
WAGLE_CHECK wagle_status wg_jcall(wg_jrun *run, const wg_jvalue *what, const wg_jargs *args,
                                  wg_jvalue *out);
/* Tests items until item `i` is found; i < 0: tests all, to count them. */
WAGLE_CHECK wagle_status wg_jloop_has(wg_jrun *run, wg_jloop *loop, int64_t i, bool *out);
WAGLE_CHECK wagle_status wg_jscope_set(wg_jrun *run, wg_jscope *scope, const wg_jstring *name,
                                       wg_jvalue value);
WAGLE_CHECK wagle_status wg_jassign(wg_jrun *run, wg_jscope *scope, const wg_jnode *target,
                                    const wg_jvalue *value);

/* evaluate.c */
WAGLE_CHECK wagle_status wg_jevaluate(wg_jrun *run, const wg_jnode *node, wg_jvalue *out);
WAGLE_CHECK wagle_status wg_jarguments(wg_jrun *run, const wg_jnode *list, const wg_jvalue *caller,
                                       wg_jargs *out);
WAGLE_CHECK wagle_status wg_jstep(wg_jrun *run, int64_t n);
WAGLE_CHECK wagle_status wg_jlookup(wg_jrun *run, const wg_jstring *name, wg_jvalue *out);

/* operate.c */
WAGLE_CHECK wagle_status wg_jbinary(wg_jrun *run, int op, const wg_jvalue *a, const wg_jvalue *b,
                                    wg_jvalue *out);
WAGLE_CHECK wagle_status wg_jcontains(wg_jrun *run, const wg_jvalue *item, const wg_jvalue *in,
                                      bool *out);
WAGLE_CHECK wagle_status wg_jslice(wg_jrun *run, const wg_jvalue *of, const wg_jvalue bound[3],
                                   wg_jvalue *out);
/* wg_jitem: of[key], then of.key. The next: of.key, then of[key]. The last: attributes only (ABSENT
 * if there is none). */
WAGLE_CHECK wagle_status wg_jitem(wg_jrun *run, const wg_jvalue *of, const wg_jvalue *key,
                                  wg_jvalue *out);
WAGLE_CHECK wagle_status wg_jattribute(wg_jrun *run, const wg_jvalue *of, const wg_jstring *name,
                                       wg_jvalue *out);
/* methods.c */
WAGLE_CHECK wagle_status wg_jown_attribute(wg_jrun *run, const wg_jvalue *of,
                                           const wg_jstring *name, wg_jvalue *out);

/* value.c */
/* Zeroed memory that lives until rendering ends, or NULL. */
void *wg_jalloc(wg_jrun *run, int64_t count, size_t size);
#define WG_J_NEW(run, pointer, count)                                                              \
    ((*(pointer) = wg_jalloc((run), (count), sizeof **(pointer))) != NULL ? WAGLE_OK               \
     : (run)->full                                                        ? WAGLE_E_INPUT          \
                                                                          : WAGLE_E_RESOURCE)
WAGLE_CHECK wagle_status wg_jtext(wg_jrun *run, const char *text, int64_t bytes, wg_jvalue *out);
/* The same without a copy; text must outlive the rendering. */
WAGLE_CHECK wagle_status wg_jtext_in_place(wg_jrun *run, const char *text, int64_t bytes,
                                           wg_jvalue *out);
/* Makes a string from the text and frees the text, also if st is an error. */
WAGLE_CHECK wagle_status wg_jtext_take(wg_jrun *run, wagle_status st, wg_text *text,
                                       wg_jvalue *out);
WAGLE_CHECK wagle_status wg_jundefined(wg_jrun *run, const wg_jstring *name, const char *of,
                                       const char *hint, wg_jvalue *out);
wg_jvalue wg_jbool(bool x);
wg_jvalue wg_jint(int64_t x);
wg_jvalue wg_jreal(double x);
wg_jvalue wg_jnone(void);
WAGLE_CHECK wagle_status wg_jsequence_new(wg_jrun *run, wg_jflavour flavour, int64_t capacity,
                                          wg_jvalue *out);
WAGLE_CHECK wagle_status wg_jsequence_add(wg_jrun *run, wg_jsequence *s, wg_jvalue item);
WAGLE_CHECK wagle_status wg_jpair(wg_jrun *run, wg_jvalue a, wg_jvalue b, wg_jvalue *out);
WAGLE_CHECK wagle_status wg_jdict_new(wg_jrun *run, wg_jvalue *out);
WAGLE_CHECK wagle_status wg_jdict_set(wg_jrun *run, wg_jdict *d, const wg_jvalue *key,
                                      wg_jvalue value);
bool wg_jhashable(const wg_jvalue *key);
/* NULL if not found. */
const wg_jvalue *wg_jdict_get(const wg_jdict *d, const wg_jvalue *key);
const wg_jvalue *wg_jdict_named(const wg_jdict *d, const wg_jstring *name);
/* The pairs (as tuples), keys or values of a dict. */
WAGLE_CHECK wagle_status wg_jdict_view(wg_jrun *run, const wg_jdict *d, wg_jflavour flavour,
                                       wg_jvalue *out);
WAGLE_CHECK wagle_status wg_jfrom_json(wg_jrun *run, const json_t *json, wg_jvalue *out);
bool wg_jtrue(const wg_jvalue *v);
bool wg_jequal(const wg_jvalue *a, const wg_jvalue *b);
/* Sets -1, 0 or 1; an error if Python defines no order. */
WAGLE_CHECK wagle_status wg_jcompare(wg_jrun *run, const wg_jvalue *a, const wg_jvalue *b,
                                     int *out);
bool wg_jnumber(const wg_jvalue *v, double *out); /* bool, int, real */
bool wg_jwhole(const wg_jvalue *v, int64_t *out); /* bool, int */
const char *wg_jtype(const wg_jvalue *v);         /* Python's name of the type */
/* Lists the items of any iterable; this exhausts an iterator. */
WAGLE_CHECK wagle_status wg_jitems(wg_jrun *run, const wg_jvalue *v, const wg_jsequence **out);
bool wg_jiterable(const wg_jvalue *v);
/* Stores an error of a generator in the iterator, to be reported when its items are read. depth: of
 * the run before the generator's work. */
WAGLE_CHECK wagle_status wg_jdefer(wg_jrun *run, wagle_status st, int depth, wg_jvalue *iterator);
/* Fails with the stored error. */
WAGLE_CHECK wagle_status wg_jfail_late(wg_jrun *run, const wg_jsequence *iterator);
/* len(), or -1 if there is none. */
int64_t wg_jlength(const wg_jvalue *v);
/* Fails because an undefined value is used. */
WAGLE_CHECK wagle_status wg_juse_undefined(wg_jrun *run, const wg_jvalue *v);

/* print.c */
WAGLE_CHECK wagle_status wg_jprint(wg_jrun *run, const wg_jvalue *v, bool repr, wg_text *out);
WAGLE_CHECK wagle_status wg_jstring_of(wg_jrun *run, const wg_jvalue *v, const wg_jstring **out);
void wg_jreal_text(double x, char out[64]); /* Python's repr of a float */
WAGLE_CHECK wagle_status wg_jadd(wg_jrun *run, wg_text *out, const char *text, int64_t bytes);
WAGLE_CHECK wagle_status wg_jescape(wg_jrun *run, const wg_jstring *s, wg_text *out);
extern const wg_jentry wg_jtojson_entry;

/* unicode.c */
bool wg_jspace(int32_t c);
bool wg_jline_end(int32_t c);
bool wg_jprintable(int32_t c);
int32_t wg_jcode_at(const char *text, int64_t bytes, int *length); /* valid UTF-8 */
int64_t wg_jcount(const char *text, int64_t bytes);                /* code points */
int64_t wg_joffset(const wg_jstring *s, int64_t i);                /* byte of the i-th code point */
typedef enum wg_jcase { WG_J_UPPER, WG_J_LOWER, WG_J_TITLE, WG_J_CAPITALIZE, WG_J_SWAP } wg_jcase;
WAGLE_CHECK wagle_status wg_jrecase(wg_jrun *run, const wg_jstring *s, wg_jcase to, wg_text *out);
/* Python's isdigit, isalpha, ... by the name of the method. */
bool wg_jis(const wg_jstring *s, const char *what);
/* Finds the bytes [*from,*to) of s that strip keeps. It strips spaces, or the code points of chars.
 */
void wg_jstrip(const wg_jstring *s, const wg_jstring *chars, bool left, bool right, int64_t *from,
               int64_t *to);

/* format.c */
WAGLE_CHECK wagle_status wg_jpercent(wg_jrun *run, const wg_jstring *format, const wg_jvalue *with,
                                     wg_jvalue *out);
WAGLE_CHECK wagle_status wg_jbraces(wg_jrun *run, const wg_jstring *format, const wg_jargs *with,
                                    wg_jvalue *out);

#endif
