/* What a resumed run compares: every option is in a table, and a run that has another value of it
 * is refused, by the option's name, exactly where the table says that the result depends on it. */
#include "support.h"

#include "ops/cpu/cpu.h"
#include "train/members.h"
#include <ctype.h>

#define MODEL WG_GOLD "/models/llama-gqa-tied"
#define OTHER WG_SCRATCH "/resume-other"
#define OUT WG_SCRATCH "/resume-out"
#define ELSEWHERE WG_SCRATCH "/resume-elsewhere"
#define WHOLE WG_SCRATCH "/resume-whole"
#define KEPT WG_SCRATCH "/resume-kept.safetensors"
#define ROWS WG_SCRATCH "/resume.jsonl"
#define OTHER_ROWS WG_SCRATCH "/resume-other.jsonl"

/* --- the tables ------------------------------------------------------------------------------- */

/* Copies the text between two marks of the header, without comments. */
static void body_of(const char *header, const char *name, char *out, size_t size)
{
    char mark[96], end[96];
    const char *at, *to;
    size_t n = 0;

    snprintf(mark, sizeof mark, "typedef struct %s {", name);
    snprintf(end, sizeof end, "} %s;", name);
    at = strstr(header, mark);
    to = strstr(header, end);
    assert_true(at != NULL && to != NULL);
    for (at += strlen(mark); at < to && n + 1 < size; at++) {
        if (strncmp(at, "/*", 2) == 0)
            at = strstr(at, "*/") + 2;
        out[n++] = *at;
    }
    out[n] = '\0';
}

static bool has_member(const wg_member *table, const char *name)
{
    for (const wg_member *m = table; m->name != NULL; m++)
        if (strcmp(m->name, name) == 0)
            return true;
    return false;
}

static void check_table(const char *structure, const wg_member *table)
{
    static const char *const headers[] = {WG_GOLD "/../../include/wagle/wagle.h",
                                          WG_GOLD "/../../include/wagle/data.h",
                                          WG_GOLD "/../../include/wagle/suites.h"};
    static char body[1 << 16];
    wagle_ctx *ctx = new_context();
    wg_text header = {0};
    int64_t found = 0, listed = 0;

    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        assert_ok(ctx, wg_read_text(ctx, headers[i], &header));
    body_of(header.text, structure, body, sizeof body);
    for (const char *at = body; *at != '\0'; at++) {
        char name[64];
        size_t n = 0;
        if ((*at != ';' && *at != ',') || at[-1] == ']') /* reserved[4] */
            continue;
        while (at - n > body &&
               (isalnum((unsigned char)at[-1 - (long)n]) || at[-1 - (long)n] == '_'))
            n++;
        snprintf(name, sizeof name, "%.*s", (int)n, at - n);
        found++;
        if (!has_member(table, name))
            fail_msg(
                "%s: member '%s' is not in the table of src/train/members.c: say there whether "
                "it changes the result of a run",
                structure, name);
    }
    while (table[listed].name != NULL)
        listed++;
    assert_int_equal(found, listed);
    wg_text_free(&header);
    wagle_ctx_free(ctx);
}

/* wagle_train_options is made of its table. */
static void every_option_is_in_its_table(void **state)
{
    (void)state;
    check_table("wagle_data", wg_data_members);
    check_table("wagle_suite_options", wg_suite_members);
}

/* --- resuming --------------------------------------------------------------------------------- */

static const wagle_param beta[] = {{"npo.beta", 0.1}}, other_beta[] = {{"npo.beta", 0.2}};

static void write_rows(const char *path, int more)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    for (int i = 0; i < 4; i++)
        fprintf(file, "{\"input_ids\":[%d,4,5,6,7],\"labels\":[-100,4,5,6,7]}\n", 10 + i + more);
    fclose(file);
}

/* Writes the model with the last bit of one weight changed. */
static void write_other_model(wagle_ctx *ctx)
{
    FILE *file;
    int last;

    wg_remove_tree(OTHER);
    assert_ok(ctx, wg_make_folder(ctx, OTHER));
    assert_ok(ctx, wg_copy_file(ctx, MODEL "/config.json", OTHER "/config.json"));
    assert_ok(ctx, wg_copy_file(ctx, MODEL "/model.safetensors", OTHER "/model.safetensors"));
    file = fopen(OTHER "/model.safetensors", "r+b");
    fseek(file, -4, SEEK_END);
    last = fgetc(file);
    fseek(file, -4, SEEK_END);
    fputc(last ^ 1, file);
    fclose(file);
}

typedef enum base { SELECTED, ADAPTED, MASKED, BASES } base;

static wagle_train_options options_of(base b)
{
    static const char *const some[] = {"attention", "ffn", NULL};
    wagle_train_options o;

    wagle_unlearn_defaults(&o);
    o.model = MODEL;
    o.out = OUT;
    o.forget.path = o.retain.path = ROWS;
    o.objective = "npo";
    o.params = beta;
    o.n_params = 1;
    o.batch = 2;
    o.epochs = 6;
    o.lr = 1e-3;
    o.stop_when = "forget.probability<1e-9";
    o.checkpoint_every = 1;
    o.allow_unmet = true;
    if (b == SELECTED) {
        o.selector = "wagle";
        o.density = 0.5;
        o.include = some;
    }
    if (b == MASKED) {
        o.mask = WG_SCRATCH "/resume-mask";
        o.protect.path = ROWS;
    }
    if (b == ADAPTED) {
        o.lora = 2;
        o.lora_alpha = 4;
        o.lora_targets = some;
    }
    return o;
}

static void make_masks(wagle_ctx *ctx)
{
    for (int i = 0; i < 2; i++) {
        wagle_mask_options m;
        wagle_attribute_options data;
        wagle_mask_defaults(&m);
        wagle_attribute_defaults(&data);
        data.model = MODEL;
        data.selector = "random";
        data.seed = (uint64_t)i;
        m.data = &data;
        m.density = 0.2;
        m.out = i == 0 ? WG_SCRATCH "/resume-mask" : WG_SCRATCH "/resume-mask2";
        m.force = true;
        assert_ok(ctx, wagle_mask(ctx, &m));
    }
}

/* Leaves OUT.partial with a checkpoint. */
static void interrupt(const wagle_train_options *o)
{
    wg_remove_tree(OUT);
    wg_remove_tree(OUT ".partial");
    for (int64_t n = 8; !wg_exists(OUT ".partial/checkpoint.safetensors"); n += n / 2) {
        wagle_ctx *ctx = new_context();
        wg_interrupt_at(n);
        assert_int_equal(wagle_unlearn(ctx, o, NULL), WAGLE_E_INTERRUPTED);
        wagle_ctx_free(ctx);
    }
    wg_interrupt_at(0);
}

/* Another valid value of a text option. */
static const char *other_text(const char *member)
{
    static const char *const other[][2] = {
        {"objective", "npo-token-mean"},
        {"optimizer", "lion"},
        {"selector", "snip"},
        {"stop_when", "forget.probability<1e-8"},
        {"gold", OTHER},
        {"mask", WG_SCRATCH "/resume-mask2"},
        {"model", OTHER},
        {"reference", OTHER},
        {"refusal", ROWS},
        {"rmu_control", ROWS},
        {"pairs", WG_SCRATCH "/resume-pairs.json"},
        {"out", ELSEWHERE},
        {"out_patch", WG_SCRATCH "/resume.patch"},
        {"out_adapter", WG_SCRATCH "/resume.adapter"},
        {"tensorboard", WG_SCRATCH "/resume-events"},
    };

    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (strcmp(other[i][0], member) == 0)
            return other[i][1];
    fail_msg("no other value of '%s'", member);
    return NULL;
}

static int other_choice(const char *member)
{
    static const struct {
        const char *member;
        int value;
    } other[] = {{"retain_term", WAGLE_RETAIN_KL},    {"reduction", WAGLE_REDUCE_TOKENS},
                 {"schedule", WAGLE_SCHEDULE_COSINE}, {"state", WAGLE_STATE_BF16},
                 {"master", WAGLE_MASTER_BF16},       {"log", WAGLE_LOG_CSV}};

    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (strcmp(other[i].member, member) == 0)
            return other[i].value;
    fail_msg("no other value of '%s'", member);
    return 0;
}

static void change(wagle_train_options *o, const wg_member *m)
{
    static const char *const norms[] = {"norms", NULL};
    static const char *const *const patterns = norms;
    void *at = (char *)o + m->at;
    const char *text;
    double real;
    int64_t whole;
    int choice;

    switch (m->kind) {
    case WG_MEMBER_TEXT:
    case WG_MEMBER_FILE:
    case WG_MEMBER_FOLDER:
    case WG_MEMBER_OUTPUT:
        text = other_text(m->name);
        memcpy(at, &text, sizeof text);
        break;
    case WG_MEMBER_CHOICE:
        choice = other_choice(m->name);
        memcpy(at, &choice, sizeof choice);
        break;
    case WG_MEMBER_PATTERNS:
        memcpy(at, &patterns, sizeof patterns);
        break;
    case WG_MEMBER_WHOLE:
    case WG_MEMBER_SEED:
        memcpy(&whole, at, sizeof whole);
        whole++;
        memcpy(at, &whole, sizeof whole);
        break;
    case WG_MEMBER_FLAG:
        *(bool *)at = !*(bool *)at;
        break;
    case WG_MEMBER_GAMMA:
        o->gamma = (wagle_gamma){WAGLE_GAMMA_NUMBER, 1};
        break;
    case WG_MEMBER_CLIP:
        o->clip_each = true;
        break;
    case WG_MEMBER_PARAMS:
        o->params = other_beta;
        break;
    case WG_MEMBER_DATA:
        ((wagle_data *)at)->path = OTHER_ROWS;
        break;
    default:
        memcpy(&real, at, sizeof real);
        real = real < 0 ? 0.3 : real + 0.4;
        memcpy(at, &real, sizeof real);
    }
}

/* The checkpoint that the interrupted run left, and nothing else. */
static void restore(wagle_ctx *ctx)
{
    wg_remove_tree(OUT);
    wg_remove_tree(OUT ".partial");
    wg_remove_tree(ELSEWHERE);
    wg_remove_tree(WG_SCRATCH "/resume.patch");
    wg_remove_tree(WG_SCRATCH "/resume.adapter");
    wg_remove_tree(WG_SCRATCH "/resume-events");
    assert_ok(ctx, wg_make_folder(ctx, OUT ".partial"));
    assert_ok(ctx, wg_copy_file(ctx, KEPT, OUT ".partial/checkpoint.safetensors"));
}

static bool depends(const wg_member *m, const wagle_train_options *o)
{
    return m->role != WG_IGNORED && wg_member_matters(m, o, false);
}

/* Resumes with another value. False: the run cannot have it, whatever the checkpoint is. */
static bool is_told(base b, const wg_member *m)
{
    wagle_train_options o = options_of(b);
    wagle_ctx *ctx = new_context();
    const bool before = depends(m, &o);
    wagle_status st;
    bool refused, wanted;
    const char *option = m->kind == WG_MEMBER_PARAMS ? "npo.beta" : m->name;

    restore(ctx);
    o.resume = true;
    change(&o, m);
    wanted = before || depends(m, &o);
    st = wagle_unlearn(ctx, &o, NULL);
    refused = st == WAGLE_E_USAGE && strstr(wagle_message(ctx), "made with") != NULL;
    if (refused ? !wanted || strstr(wagle_message(ctx), option) == NULL
                : wanted && (st == WAGLE_OK || st == WAGLE_E_UNMET))
        fail_msg("%s in run %d: %s, '%s'", option, (int)b, refused ? "refused" : "the run went on",
                 wagle_message(ctx));
    if (refused)
        assert_true(wg_exists(OUT ".partial/checkpoint.safetensors"));
    else if (st == WAGLE_OK || st == WAGLE_E_UNMET)
        assert_same_file(option,
                         wg_exists(OUT) ? OUT "/model.safetensors" : ELSEWHERE "/model.safetensors",
                         WHOLE "/model.safetensors");
    wagle_ctx_free(ctx);
    return refused || st == WAGLE_OK || st == WAGLE_E_UNMET;
}

/* Not of a table's row on its own: the suites (tests/cli/watch.bats), and what another row changes.
 * Without `resume` there is no checkpoint to compare with. */
static bool is_told_elsewhere(const wg_member *m)
{
    return m->kind == WG_MEMBER_SUITE || m->kind == WG_MEMBER_PART ||
           strcmp(m->name, "resume") == 0;
}

static void each_option_in_turn_is_refused_where_the_result_depends_on_it(void **state)
{
    wagle_ctx *ctx = new_context();
    FILE *pairs = fopen(WG_SCRATCH "/resume-pairs.json", "w");
    bool told[128] = {false};

    (void)state;
    fputs("[[[0,0]],[[1,1]]]", pairs);
    fclose(pairs);
    write_rows(ROWS, 0);
    write_rows(OTHER_ROWS, 20);
    write_other_model(ctx);
    make_masks(ctx);
    for (int b = 0; b < BASES; b++) {
        wagle_train_options o = options_of((base)b);
        interrupt(&o);
        wg_remove_tree(KEPT);
        o.out = WHOLE;
        wg_remove_tree(WHOLE);
        assert_ok(ctx, wagle_unlearn(ctx, &o, NULL));
        assert_ok(ctx, wg_copy_file(ctx, OUT ".partial/checkpoint.safetensors", KEPT));
        for (int i = 0; wg_train_members[i].name != NULL; i++)
            if (!is_told_elsewhere(&wg_train_members[i]))
                told[i] |= is_told((base)b, &wg_train_members[i]);
    }
    for (int i = 0; wg_train_members[i].name != NULL; i++)
        if (!told[i] && !is_told_elsewhere(&wg_train_members[i]))
            fail_msg("no run has another '%s'", wg_train_members[i].name);
    wagle_ctx_free(ctx);
}

/* For scores by factors without rows to protect, damping and rank affect the mask. */
static void factors_of_scores_are_compared(void **state)
{
    wagle_train_options o = options_of(SELECTED);

    (void)state;
    o.gamma.kind = WAGLE_GAMMA_PROTECT;
    interrupt(&o);
    o.resume = true;
    for (int rank = 0; rank < 2; rank++) {
        wagle_train_options other = o;
        wagle_ctx *ctx = new_context();
        other.protect_damping += rank ? 0 : 1;
        other.protect_rank += rank ? 2 : 0;
        assert_refused(ctx, wagle_unlearn(ctx, &other, NULL), WAGLE_E_USAGE,
                       rank ? "protect_rank" : "protect_damping");
        wagle_ctx_free(ctx);
    }
}

static void options_that_change_no_weight_may_change(void **state)
{
    wagle_train_options o = options_of(SELECTED);
    wagle_ctx *ctx = new_context();

    (void)state;
    interrupt(&o);
    o.resume = true;
    o.monitor = true;
    o.checkpoint_every = 0;
    o.allow_unmet = true;
    o.out_patch = WG_SCRATCH "/resume.patch";
    o.force = true;
    assert_ok(ctx, wagle_unlearn(ctx, &o, NULL));
    wg_remove_tree(WHOLE);
    o = options_of(SELECTED);
    o.out = WHOLE;
    assert_ok(ctx, wagle_unlearn(ctx, &o, NULL));
    assert_same_file("resumed", OUT "/model.safetensors", WHOLE "/model.safetensors");
    wagle_ctx_free(ctx);
}

static struct {
    const char *device, *precision;
} pretended;

/* A back end of the host that says it is a card. */
static wagle_status open_pretended(wagle_ctx *ctx, const wg_ops **out)
{
    wg_ops *own;

    WG_TRY(usual_opener() != NULL ? usual_opener()(ctx, out) : wg_cpu_open(ctx, out));
    own = (wg_ops *)(uintptr_t)*out; /* a copy that was allocated */
    own->device = pretended.device;
    own->precision = pretended.precision;
    return WAGLE_OK;
}

/* Contexts from now on compute on this device; NULL: the CPU. */
static void pretend(const char *device, const char *precision)
{
    pretended.device = device;
    pretended.precision = precision;
    *test_opener() = device != NULL ? open_pretended : NULL;
    wg_ops_use(device != NULL ? open_pretended : usual_opener());
}

/* Resumes on another device, NULL: the CPU. The message names `wanted`. */
static void is_refused(wagle_train_options o, const char *device, const char *precision,
                       const char *wanted)
{
    wagle_ctx *ctx = new_context();

    pretend(device, precision);
    o.resume = true;
    assert_int_equal(wagle_unlearn(ctx, &o, NULL), WAGLE_E_USAGE);
    if (strstr(wagle_message(ctx), wanted) == NULL)
        fail_msg("no '%s' in '%s'", wanted, wagle_message(ctx));
    wagle_ctx_free(ctx);
}

static bool manifest_has(const char *folder, const char *key, const char *value)
{
    char path[256];
    json_t *m, *found;
    bool same;

    snprintf(path, sizeof path, "%s/manifest.json", folder);
    m = gold_json(path);
    found = json_object_get(m, key);
    same = value == NULL ? found == NULL
                         : found != NULL && strcmp(json_string_value(found), value) == 0;
    json_decref(m);
    return same;
}

static void another_device_or_precision_is_refused_by_name(void **state)
{
    wagle_train_options o = options_of(SELECTED), again = options_of(SELECTED);
    wagle_ctx *ctx = new_context();

    (void)state;
    if (ctx->device > 0) { /* all of it is on a card */
        wagle_ctx_free(ctx);
        skip();
    }
    again.resume = true;
    write_rows(ROWS, 0);
    interrupt(&o);
    is_refused(o, "cuda (one)", "bf16", "made with device cpu, now device cuda (one)");
    pretend(NULL, NULL);
    assert_ok(ctx, wagle_unlearn(ctx, &again, NULL));
    assert_true(manifest_has(OUT, "device", NULL) && manifest_has(OUT, "precision", NULL));

    pretend("cuda (one)", "bf16");
    interrupt(&o);
    is_refused(o, NULL, NULL, "made with device cuda (one), now device cpu");
    is_refused(o, "cuda (two)", "bf16", "made with device cuda (one), now device cuda (two)");
    is_refused(o, "cuda (one)", "f32", "made with precision bf16, now precision f32");
    pretend("cuda (one)", "bf16");
    assert_ok(ctx, wagle_unlearn(ctx, &again, NULL));
    pretend(NULL, NULL);
    assert_true(manifest_has(OUT, "device", "cuda (one)"));
    assert_true(manifest_has(OUT, "precision", "bf16"));
    wagle_ctx_free(ctx);
}

static wagle_status open_bf16(wagle_ctx *ctx, const wg_ops **out)
{
    return wg_cpu_open_at(ctx, WAGLE_PRECISION_BF16, out);
}

static void bf16_on_the_cpu_resumes_in_bf16_alone(void **state)
{
    wagle_train_options o = options_of(SELECTED), again = options_of(SELECTED);
    wagle_ctx *ctx = new_context();

    (void)state;
    again.resume = true;
    write_rows(ROWS, 0);
    interrupt(&o);
    wg_ops_use(open_bf16);
    assert_refused(ctx, wagle_unlearn(ctx, &again, NULL), WAGLE_E_USAGE,
                   "made with precision f32, now precision bf16");
    *test_opener() = open_bf16;
    interrupt(&o);
    *test_opener() = NULL;
    wg_ops_use(usual_opener());
    assert_refused(ctx, wagle_unlearn(ctx, &again, NULL), WAGLE_E_USAGE,
                   "made with precision bf16");
    wg_ops_use(open_bf16);
    assert_ok(ctx, wagle_unlearn(ctx, &again, NULL));
    o.out = WHOLE;
    wg_remove_tree(WHOLE);
    assert_ok(ctx, wagle_unlearn(ctx, &o, NULL));
    assert_same_file("resumed", OUT "/model.safetensors", WHOLE "/model.safetensors");
    assert_true(manifest_has(OUT, "device", NULL));
    wg_ops_use(usual_opener());
    wagle_ctx_free(ctx);
}

/* Stops after four updates, then scales the change back by about half. */
static wagle_train_options landing(void)
{
    wagle_train_options o = options_of(MASKED);

    o.objective = "ga";
    o.n_params = 0;
    o.lr = 1e-2;
    o.warmup = 0;
    o.checkpoint_every = 0;
    o.stop_when = "forget.nll>7";
    o.eval_every = 4;
    o.land = true;
    return o;
}

static void an_interrupted_landing_resumes_to_the_same_bits(void **state)
{
    wagle_ctx *ctx = new_context();
    wagle_train_options o = landing();
    wagle_train_result whole, result;
    wagle_status st = WAGLE_E_INTERRUPTED;
    int landings = 0;

    (void)state;
    wagle_train_result_init(&whole);
    wagle_train_result_init(&result);
    o.out = WHOLE;
    wg_remove_tree(o.out);
    assert_ok(ctx, wagle_unlearn(ctx, &o, &whole));
    assert_true(whole.stopped && whole.steps == 4 && whole.land > 0.05 && whole.land < 0.95);
    o.out = OUT;
    for (int64_t n = 40; st == WAGLE_E_INTERRUPTED; n += 5) {
        wg_remove_tree(OUT);
        wg_remove_tree(OUT ".partial");
        o.resume = false;
        wg_interrupt_at(n);
        st = wagle_unlearn(ctx, &o, &result);
        wg_interrupt_at(0);
        landings += st == WAGLE_E_INTERRUPTED && result.steps == 4;
        o.resume = true;
        if (st == WAGLE_E_INTERRUPTED)
            assert_ok(ctx, wagle_unlearn(ctx, &o, &result));
        assert_true(result.land == whole.land && result.stop_value == whole.stop_value);
        assert_same_file("landed", OUT "/model.safetensors", WHOLE "/model.safetensors");
        assert_same_file("its log", OUT "/log.jsonl", WHOLE "/log.jsonl");
    }
    assert_true(landings > 3);
    wagle_ctx_free(ctx);
}

static void landing_wants_a_rule(void **state)
{
    wagle_ctx *ctx = new_context();
    wagle_train_options o = landing();

    (void)state;
    o.stop_when = NULL;
    assert_refused(ctx, wagle_unlearn(ctx, &o, NULL), WAGLE_E_USAGE, "land needs stop_when");
    wagle_ctx_free(ctx);
}

/* After all updates, each write in turn fails as on a full disk. */
static void is_kept(wagle_train_options o)
{
    wagle_ctx *ctx = new_context();
    int kept = 0;
    bool failed = true;

    o.checkpoint_every = 0;
    o.out = WHOLE;
    wg_remove_tree(o.out);
    assert_ok(ctx, wagle_unlearn(ctx, &o, NULL));
    o.out = OUT;
    for (int64_t n = 1; failed; n++) {
        wg_remove_tree(OUT);
        wg_remove_tree(OUT ".partial");
        o.resume = false;
        wg_file_fail_at(n);
        const wagle_status st = wagle_unlearn(ctx, &o, NULL);
        failed = wg_file_fail_at(0) == 0;
        assert_int_equal(st, failed ? WAGLE_E_RESOURCE : WAGLE_OK);
        assert_true(wg_exists(OUT) != failed);
        if (!wg_exists(OUT ".partial"))
            continue;
        kept++;
        assert_non_null(strstr(wagle_message(ctx), "the training is kept"));
        o.resume = true;
        assert_ok(ctx, wagle_unlearn(ctx, &o, NULL));
        assert_same_file("kept", OUT "/model.safetensors", WHOLE "/model.safetensors");
        assert_same_file("its log", OUT "/log.jsonl", WHOLE "/log.jsonl");
    }
    assert_true(kept > 2);
    wagle_ctx_free(ctx);
}

static void what_cannot_be_written_is_kept(void **state)
{
    (void)state;
    is_kept(options_of(SELECTED));
    is_kept(landing());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_option_is_in_its_table),
        cmocka_unit_test(each_option_in_turn_is_refused_where_the_result_depends_on_it),
        cmocka_unit_test(factors_of_scores_are_compared),
        cmocka_unit_test(options_that_change_no_weight_may_change),
        cmocka_unit_test(another_device_or_precision_is_refused_by_name),
        cmocka_unit_test(bf16_on_the_cpu_resumes_in_bf16_alone),
        cmocka_unit_test(an_interrupted_landing_resumes_to_the_same_bits),
        cmocka_unit_test(landing_wants_a_rule),
        cmocka_unit_test(what_cannot_be_written_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
