/* members.h - the options of a run as tables: which of them make another run. */
#ifndef WG_TRAIN_MEMBERS_H
#define WG_TRAIN_MEMBERS_H

#include "train/run.h"

typedef enum wg_member_kind {
    WG_MEMBER_TEXT,
    WG_MEMBER_TEXTS, /* NULL-terminated */
    WG_MEMBER_REAL,
    WG_MEMBER_WHOLE,
    WG_MEMBER_FLAG,
    WG_MEMBER_FILE,   /* by its content */
    WG_MEMBER_FOLDER, /* a model, by its weights */
    WG_MEMBER_SETS,   /* NAME=FILE, by their contents */
    WG_MEMBER_GAMMA,
    WG_MEMBER_CLIP, /* with clip_each */
    WG_MEMBER_PARAMS,
    WG_MEMBER_DATA,
    WG_MEMBER_SUITE
} wg_member_kind;

/* Another value makes another run; does so if what it is for comes out otherwise (rows, steps), and
 * then says why; or does not, or is part of another member. */
typedef enum wg_member_role { WG_DECIDES, WG_EXPLAINS, WG_IGNORED } wg_member_role;

/* What must be there for a member to matter. */
typedef enum wg_member_with {
    WG_ALWAYS,
    WG_WITH_SELECTOR,
    WG_WITH_LORA,
    WG_WITH_PROTECT,
    WG_WITH_RULE, /* stop_when */
    WG_WITH_SUITE /* a rule on a suite's metric */
} wg_member_with;

typedef struct wg_member {
    const char *name; /* of the member; its flag has - for _ */
    const char *flag; /* where it is another */
    wg_member_kind kind;
    size_t at;
    wg_member_role role;
    wg_member_with with;
    const char *fact; /* that it explains */
} wg_member;

/* Of wagle_train_options, wagle_data and wagle_suite_options; name is NULL past the last. Every
 * member is in its table: tests/unit/test_resume.c reads the header. */
extern const wg_member wg_train_members[], wg_data_members[], wg_suite_members[];

#endif
