/* Messages name options as whoever reads them knows them: a caller in C by the members of the
 * structures, with wagle_on_name as it likes (the command: flags). */
#include "support.h"

#include "base/context.h"

#define MODEL WG_GOLD "/models/llama-gqa-tied"
#define ROWS WG_SCRATCH "/messages.jsonl"
#define TEXTS WG_SCRATCH "/messages-texts.jsonl"
#define OTHER WG_SCRATCH "/messages-retain.jsonl"

static void training(wagle_train_options *o)
{
    wagle_unlearn_defaults(o);
    o->model = MODEL;
    o->forget.path = ROWS;
    o->retain.path = OTHER;
    o->out = WG_SCRATCH "/messages-out";
    o->force = true;
    o->lr = 1e-5;
    o->steps = 2;
}

/* --- calls with a mistake ----------------------------------------------------------------------
 */

#define CALL(name, options, fill, function, mistake, ...)                                          \
    static wagle_status name(wagle_ctx *ctx)                                                       \
    {                                                                                              \
        options o;                                                                                 \
        fill(&o);                                                                                  \
        mistake;                                                                                   \
        return function(ctx, &o __VA_ARGS__);                                                      \
    }
#define UNLEARN(name, mistake)                                                                     \
    CALL(name, wagle_train_options, training, wagle_unlearn, mistake, , NULL)
#define MASK(name, mistake)                                                                        \
    CALL(name, wagle_mask_options, wagle_mask_defaults, wagle_mask, mistake, )
#define SUITE(name, mistake)                                                                       \
    CALL(name, wagle_suite_options, wagle_suite_defaults, wagle_suite_run, o.model = MODEL;        \
         mistake, , &json)

static char *json;
static const char *const some[] = {"norms", NULL};
static const char *const nowhere[] = {"nowhere", NULL};
static const char *const no_set[] = {"forget=" ROWS, "retain", NULL};
static const char *const unknown_set[] = {"forget=" ROWS, "nothing=" ROWS, NULL};
static const wagle_param large_layer[] = {{"rmu.layer", 99}};

UNLEARN(lr, o.lr = -1)
UNLEARN(schedule, o.schedule = (wagle_schedule)9)
UNLEARN(state, o.state = (wagle_state)-1)
UNLEARN(master, o.master = (wagle_master)7)
UNLEARN(master_of_f32, o.master = WAGLE_MASTER_BF16)
UNLEARN(master_searching, o.master = WAGLE_MASTER_BF16; o.lr = WAGLE_LR_AUTO)
UNLEARN(weight_decay, o.weight_decay = -1)
UNLEARN(batch, o.batch = 0)
UNLEARN(steps, o.steps = -2)
UNLEARN(out, o.out = NULL)
UNLEARN(retain, o.retain.path = NULL)
UNLEARN(refusal, o.objective = "dpo")
UNLEARN(hidden, o.retain_term = WAGLE_RETAIN_HIDDEN)
UNLEARN(reduction, o.objective = "rmu"; o.reduction = WAGLE_REDUCE_TOKENS)
UNLEARN(layer, o.objective = "rmu"; o.params = large_layer; o.n_params = 1)
UNLEARN(rule, o.stop_when = "soon")
UNLEARN(landing, o.land = true)
UNLEARN(skipping, o.skip_forgotten = true)
UNLEARN(clipping, o.clip_before_mask = true)
UNLEARN(undecayed, o.no_decay = some; o.weight_decay = 0)
UNLEARN(no_tensor, o.no_decay = nowhere)
UNLEARN(narrowed, o.include = some)
UNLEARN(adapters, o.lora_targets = some)
UNLEARN(two_masks, o.selector = "snip"; o.lora = 2)
UNLEARN(no_gamma, o.selector = "wagle"; o.gamma.kind = WAGLE_GAMMA_NUMBER)
UNLEARN(protected, o.protect.path = "retain"; o.lora = 2)
UNLEARN(rank, o.protect.path = "retain"; o.protect_rank = 1 << 20)
UNLEARN(warmup, o.warmup = 99)
UNLEARN(rectify, o.rectify = 0.5; o.lora = 2)
UNLEARN(long_rows, o.forget.max_length = 3)
UNLEARN(other_column, o.forget.path = TEXTS)
CALL(chance, wagle_train_options, training, wagle_finetune, o.objective = "finetune";
     o.stop_when = "chance", , NULL)
CALL(searched, wagle_train_options, training, wagle_finetune, o.objective = "finetune";
     o.lr = WAGLE_LR_AUTO, , NULL)
MASK(mask_of_nothing, o.out = "m")
MASK(scope, o.scope = (wagle_scope)7)
MASK(op, o.op = WAGLE_MASK_INVERT; o.out = "m")
CALL(attribution, wagle_attribute_options, wagle_attribute_defaults, wagle_attribute,
     o.model = MODEL, )
CALL(damping, wagle_attribute_options, wagle_attribute_defaults, wagle_attribute, o.model = MODEL;
     o.out = WG_SCRATCH "/messages-scores"; o.damping = -1, )
SUITE(no_suite, o.suites = "mcq,mcq")
SUITE(missing_set, o.suites = "extraction")
SUITE(set_form, o.suites = "extraction"; o.sets = no_set)
SUITE(other_set, o.suites = "extraction"; o.sets = unknown_set)
SUITE(result_name, o.suites = "extraction"; o.out = "x.txt")
CALL(metrics, wagle_eval_options, wagle_eval_defaults, wagle_eval, o.model = MODEL;
     o.data.path = ROWS; o.metrics = "", , &json)
CALL(import, wagle_import_options, wagle_import_defaults, wagle_import, (void)o, )
CALL(export, wagle_export_options, wagle_export_defaults, wagle_export, (void)o, )
CALL(init, wagle_init_options, wagle_init_defaults, wagle_init, (void)o, )
CALL(diff, wagle_diff_options, wagle_diff_defaults, wagle_diff, (void)o, )
CALL(forget, wagle_forget_options, wagle_forget_defaults, wagle_forget, (void)o, , NULL)
CALL(report, wagle_report_options, wagle_report_defaults, wagle_report, (void)o, )
CALL(sweep, wagle_sweep_options, wagle_sweep_defaults, wagle_sweep, (void)o, , &json)
CALL(join, wagle_join_options, wagle_join_defaults, wagle_join_sweeps, o.n = 2;
     o.sweeps = no_set, , &json)

static wagle_status device(wagle_ctx *ctx)
{
    return wagle_set_device(ctx, NULL, (wagle_precision)8);
}

static wagle_status existing(wagle_ctx *ctx)
{
    wagle_attribute_options o;

    wagle_attribute_defaults(&o);
    o.model = MODEL;
    o.out = ROWS;
    o.forget.path = o.retain.path = OTHER;
    return wagle_attribute(ctx, &o);
}

static wagle_status memory(wagle_ctx *ctx)
{
    wagle_train_options o;
    wagle_status st;

    training(&o);
    wagle_set_memory(ctx, 1 << 20);
    st = wagle_unlearn(ctx, &o, NULL);
    wagle_set_memory(ctx, 0);
    return st;
}

static const struct {
    wagle_status (*call)(wagle_ctx *);
    const char *says;
} calls[] = {
    {lr, "lr -1: must be above 0"},
    {schedule, "schedule 9: must be linear, cosine or constant"},
    {state, "state -1: must be f32 or bf16"},
    {master, "master 7: must be f32, bf16 or bf16-stochastic"},
    {master_of_f32, "is F32"},
    {master_searching, "master=bf16 does not go with a rate that is searched"},
    {weight_decay, "weight_decay -1: must be 0 or more"},
    {batch, "batch 0: must be from 1 to 4096"},
    {steps, "steps -2: must be 1 or more"},
    {out, "out is missing"},
    {retain, "needs retain; without such rows, use protect=self"},
    {refusal, "add refusal"},
    {hidden, "retain_term hidden cannot be used with objective"},
    {reduction, "reduction=tokens cannot be used with objective rmu"},
    {layer, "rmu.layer 99: must be from 0 to"},
    {rule, "stop_when 'soon': write it as"},
    {landing, "land needs stop_when"},
    {skipping, "skip_forgotten needs stop_when=chance"},
    {clipping, "clip_before_mask needs clip, and mask or selector"},
    {undecayed, "no_decay needs a weight_decay above 0"},
    {no_tensor, "no_decay nowhere: matches no tensor"},
    {narrowed, "include has no effect: it needs selector"},
    {adapters, "lora_targets has no effect: it needs lora"},
    {two_masks, "give only one of mask, selector and lora"},
    {no_gamma, "gamma must be"},
    {protected, "protect cannot be used with lora"},
    {rank, "protect_rank 1048576: the widest matrix"},
    {warmup, "warmup 99: the run has only 2 updates"},
    {rectify, "rectify 0.5: cannot be used with lora"},
    {long_rows, "the limit is 3 (truncate=true cuts the rest)"},
    {other_column, "no field 'answer' (found: question, reply); name it with answer_field=reply"},
    {chance, "stop_when=chance: finetune forgets no rows"},
    {searched, "lr=auto: finetune forgets no rows"},
    {mask_of_nothing, "mask needs out, and one of scores, model and op"},
    {scope, "scope 7: must be global, tensor, row or neurons"},
    {op, "op invert needs one mask"},
    {attribution, "out is missing"},
    {damping, "damping -1: must be 0 or more"},
    {no_suite, "suites: mcq is given twice"},
    {missing_set, "needs sets=forget=FILE"},
    {set_form, "sets retain: write it as NAME=FILE"},
    {other_set, "sets nothing: suite extraction has no such set"},
    {result_name, "out x.txt: the name must end in .json"},
    {metrics, "metrics: name at least one metric"},
    {import, "out"},
    {export, "out"},
    {init, "needs config and out"},
    {diff, "needs two model folders and out"},
    {forget, "data and out"},
    {report, "out"},
    {sweep, "needs SPEC.json and out"},
    {join, "out is missing"},
    {device, "precision 8: must be bf16, tf32 or f32"},
    {existing, "add force=true to replace it"},
    {memory, "the plan needs"},
};

/* --- tests -------------------------------------------------------------------------------------
 */

static int write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    return file == NULL || fputs(text, file) < 0 || fclose(file) != 0;
}

static int write_rows(void **state)
{
    (void)state;
    return write_text(TEXTS, "{\"question\": \"a\", \"reply\": \"b\"}\n") ||
           write_text(ROWS, "{\"input_ids\": [3, 4, 5, 6, 7], \"labels\": [-100, 4, 5, 6, 7]}\n") ||
           write_text(OTHER, "{\"input_ids\": [8, 9, 10, 11], \"labels\": [-100, 9, 10, 11]}\n");
}

static void no_flag(void *user, int level, const char *line)
{
    (void)level;
    *(int *)user += strstr(line, "forget ") != NULL && strstr(line, " and retain ") != NULL;
    if (strstr(line, "--") != NULL)
        fail_msg("in the log: %s", line);
}

static void messages_name_members(void **state)
{
    wagle_ctx *ctx = new_context();
    int about_rows = 0;

    (void)state;
    wagle_on_log(ctx, no_flag, &about_rows);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        const wagle_status st = calls[i].call(ctx);
        const char *message = wagle_message(ctx);
        if (st == WAGLE_OK || strstr(message, calls[i].says) == NULL)
            fail_msg("%d, '%s': not '%s'", (int)st, message, calls[i].says);
        if (strstr(message, "--") != NULL || strstr(message, "@{") != NULL)
            fail_msg("a flag in: %s", message);
    }
    wagle_ctx_free(ctx);
}

static void the_log_names_members(void **state)
{
    wagle_ctx *ctx = new_context();
    wagle_train_options o;
    int about_rows = 0;

    (void)state;
    training(&o);
    o.retain.path = ROWS;
    wagle_on_log(ctx, no_flag, &about_rows);
    assert_int_equal(wagle_unlearn(ctx, &o, NULL), WAGLE_OK);
    assert_int_equal(about_rows, 1);
    wagle_ctx_free(ctx);
}

static void bracketed(void *user, const char *option, const char *value, char *out, size_t bytes)
{
    assert_string_equal(user, "mine");
    snprintf(out, bytes, "<%s|%s>", option, value != NULL ? value : "");
}

static void a_program_chooses_the_names(void **state)
{
    static char mine[] = "mine";
    wagle_ctx *ctx = new_context();

    (void)state;
    wagle_on_name(ctx, bracketed, mine);
    assert_int_equal(lr(ctx), WAGLE_E_USAGE);
    assert_string_equal(wagle_message(ctx), "<lr|> -1: must be above 0");
    assert_refused(ctx, reduction(ctx), WAGLE_E_USAGE, "<reduction|tokens> cannot");
    assert_int_equal(out(ctx), WAGLE_E_USAGE);
    assert_string_equal(wagle_message(ctx), "<out|DIR> is missing");
    wagle_on_name(ctx, NULL, NULL);
    assert_int_equal(lr(ctx), WAGLE_E_USAGE);
    assert_string_equal(wagle_message(ctx), "lr -1: must be above 0");
    wagle_ctx_free(ctx);
}

static void assert_message(wagle_ctx *ctx, const char *text, const char *wanted)
{
    wg_begin(ctx);
    assert_int_equal(wg_fail(ctx, WAGLE_E_INPUT, "%s", text), WAGLE_E_INPUT);
    assert_string_equal(wagle_message(ctx), wanted);
}

static void what_is_no_marker_stays(void **state)
{
    wagle_ctx *ctx = new_context();
    char longest[600];

    (void)state;
    assert_message(ctx, "", "");
    assert_message(ctx, "@{lr}@{out FILE}@{old=hash}", "lroutold=hash");
    assert_message(ctx, "a@b {prompt} @{lr", "a@b {prompt} @{lr");
    assert_message(ctx, "@{", "@{");
    memset(longest, 'x', sizeof longest - 1);
    memcpy(longest, "@{", 2);
    longest[sizeof longest - 2] = '}';
    longest[sizeof longest - 1] = '\0';
    assert_message(ctx, longest, longest);
    wagle_ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_name_members), cmocka_unit_test(the_log_names_members),
        cmocka_unit_test(a_program_chooses_the_names), cmocka_unit_test(what_is_no_marker_stays)};

    return cmocka_run_group_tests(tests, write_rows, NULL);
}
