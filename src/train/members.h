/* members.h - the options of a run as tables: which of them make another run. */
#ifndef WG_TRAIN_MEMBERS_H
#define WG_TRAIN_MEMBERS_H

#include "train/run.h"

typedef enum wg_member_kind {
    WG_MEMBER_TEXT,
    WG_MEMBER_CHOICE,   /* an enumeration */
    WG_MEMBER_TEXTS,    /* NULL-terminated */
    WG_MEMBER_PATTERNS, /* the same, of names of tensors */
    WG_MEMBER_REAL,
    WG_MEMBER_WHOLE,
    WG_MEMBER_SEED,
    WG_MEMBER_FLAG,
    WG_MEMBER_FILE,   /* by its content */
    WG_MEMBER_FOLDER, /* a model, by its weights */
    WG_MEMBER_OUTPUT, /* a path that is written */
    WG_MEMBER_SETS,   /* NAME=FILE, by their contents */
    WG_MEMBER_GAMMA,
    WG_MEMBER_CLIP, /* with clip_each */
    WG_MEMBER_PARAMS,
    WG_MEMBER_DATA,
    WG_MEMBER_SUITE,
    WG_MEMBER_PART /* of the member before it */
} wg_member_kind;

/* Another value makes another run; does so if what it is for comes out otherwise (rows, steps), and
 * then says why; or does not, or is part of another member. */
typedef enum wg_member_role { WG_DECIDES, WG_EXPLAINS, WG_IGNORED } wg_member_role;

/* What must be there for a member to matter. */
typedef enum wg_member_with {
    WG_WITH_ALWAYS,
    WG_WITH_SELECTOR,
    WG_WITH_LORA,
    WG_WITH_PROTECT,
    WG_WITH_RULE, /* stop_when */
    WG_WITH_SUITE /* a rule on a suite's metric */
} wg_member_with;

/* When the manifest has it. */
typedef enum wg_member_manifest { WG_IF_NEVER, WG_IF_SET, WG_IF_ALWAYS } wg_member_manifest;

typedef struct wg_range {
    double low, high;
    bool above, below; /* the ends do not belong to it */
    const char *words; /* "above 0" */
} wg_range;

typedef struct wg_member {
    const char *name; /* of the member */
    wg_member_kind kind;
    size_t at;
    wg_member_role role;
    wg_member_with with;
    const char *fact;  /* that it explains */
    wg_range range;    /* words NULL: any number */
    bool may_be_unset; /* a number may also be `unset`; -1: any below 0 */
    double unset;
    const char *const *words; /* of a choice */
    wg_member_manifest manifest;
    bool swept;         /* it is a key of a sweep's spec */
    const char *wanted; /* there, for messages; NULL: by its kind */
} wg_member;

/* Of wagle_train_options (include/wagle/train_options.def), wagle_data and wagle_suite_options;
 * name is NULL past the last. Every member is in its table: tests/unit/test_resume.c reads the
 * header. */
extern const wg_member wg_train_members[], wg_data_members[], wg_suite_members[];

/* A member's value; those fields are filled that its kind has. */
typedef struct wg_value {
    const char
        *text; /* of files, folders and outputs too; the path of DATA; the word of a choice */
    const char *const *list;
    double real;
    int64_t whole; /* SEED: its bits */
    bool flag;
} wg_value;

/* from: the structure that the member is of. */
wg_value wg_member_value(const wg_member *m, const void *from);
/* Whether it is another than none: a text that is not empty, a list that is not empty, a number
 * above 0, true. */
bool wg_member_is_set(const wg_member *m, const void *from);
/* Whether what the member goes with is there. suite: the rule is on a suite's metric. */
bool wg_member_matters(const wg_member *m, const wagle_train_options *o, bool suite);
/* Numbers that are out of their range are refused, also those of choices. */
WAGLE_CHECK wagle_status wg_members_check(wagle_ctx *ctx, const wagle_train_options *o);
/* The member of that name, or NULL. */
const wg_member *wg_train_member(const char *name);

#endif
