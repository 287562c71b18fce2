/* main.c - `wagle COMMAND ...`: finds the command, parses, runs, reports. */
#include "colour.h"
#include "common.h"
#include "meter.h"
#include "processes.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static wagle_ctx *running;

static void on_signal(int signal)
{
    (void)signal;
    wagle_interrupt(running);
}

static void on_log(void *user, int level, const char *line)
{
    const cli_options *o = user;

    if ((o->quiet && level > 0) || (level > 1 && !o->verbose))
        return;
    cli_meter_print(level == 0 ? "wagle: warning: " : "wagle: ",
                    cli_colour(2, level == 0 ? CLI_YELLOW : CLI_DIM), line);
}

/* Commands of several processes, and one that process 0 runs while the others wait: it often stands
 * between two of the first in a script. */
static const char together[] = "attribute unlearn finetune eval generate sweep";
static const char first_alone[] = "mask";

static bool is_for_first(const cli_command *c, const cli_options *o)
{
    return cli_listed(first_alone, c->name) || o->join;
}

/* A plan for processes that are not there sends nothing. */
static bool send_nothing(void *user, const void *const *send, const size_t *send_bytes,
                         void *const *receive, const size_t *receive_bytes, char *why,
                         size_t why_bytes)
{
    (void)user, (void)send, (void)send_bytes, (void)receive, (void)receive_bytes;
    snprintf(why, why_bytes, "there is none, because this is a plan");
    return false;
}

static bool read_nothing(void *user, const char *path, const wagle_piece *piece, int n, char *why,
                         size_t why_bytes)
{
    (void)path, (void)piece, (void)n;
    return send_nothing(user, NULL, NULL, NULL, NULL, why, why_bytes);
}

static wagle_status join(const cli_command *c, const cli_options *o, const wagle_processes *others)
{
    const wagle_processes planned = {.size = sizeof planned,
                                     .count = (int)o->ranks,
                                     .exchange = send_nothing,
                                     .read = read_nothing};
    const bool several = others != NULL && others->count > 1, alone = is_for_first(c, o);

    if (several && !alone && !cli_listed(together, c->name))
        return cli_refuse("%s: runs in one process; start `wagle %s` without mpirun", c->name,
                          c->name);
    if (several && alone && others->rank == 0 && !o->quiet)
        fprintf(stderr, "wagle: %s runs in the first process; the others wait\n", c->name);
    if (o->ranks > 0)
        others = &planned;
    const wagle_status st =
        wagle_set_processes(running, alone ? NULL : others, o->parts > 0 ? (int)o->parts : 0);
    if (st != WAGLE_OK || !o->share_weights || alone)
        return st;
    return others == &planned || cli_serve()
               ? wagle_share_weights(running, true)
               : cli_refuse("--share-weights: this MPI does not allow several threads");
}

static wagle_status run(const cli_command *c, cli_options *o, const wagle_processes *others)
{
    static char room[1 << 20];
    struct sigaction stop = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    wagle_status st;

    if (wagle_ctx_new(&running) != WAGLE_OK) {
        fputs("wagle: not enough memory\n", stderr);
        return WAGLE_E_RESOURCE;
    }
    signal(SIGXFSZ, SIG_IGN);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGUSR1, &stop, NULL); /* which Slurm and mpirun can send before they end a job */
    wagle_on_name(running, cli_name_option, (void *)(uintptr_t)c);
    st = join(c, o, others);
    wagle_on_progress(running, o->quiet ? NULL : cli_meter_show, NULL);
    wagle_on_log(running, on_log, o);
    wagle_set_threads(running, o->threads > 0 ? (int)o->threads : 0);
    wagle_set_memory(running, o->memory);
    wagle_set_gpu_memory(running, o->gpu_memory);
    wagle_set_dry_run(running, o->dry_run);
    if (st == WAGLE_OK)
        st = wagle_set_device(running, o->device, CLI_CHOSEN(o, precision));
    if (st == WAGLE_OK)
        st = wagle_set_cpu_units(running, getenv("WAGLE_CPU"));
    setvbuf(stdout, room, _IOFBF, sizeof room); /* results wait until the line is gone */
    cli_meter_begin(c->name, o->quiet);
    if (st == WAGLE_OK && o->adapter != NULL && c->run != cli_merge && c->run != cli_forget)
        st = wagle_set_adapter(running, o->model != NULL ? o->model : o->argument[0], o->adapter);
    if (st == WAGLE_OK)
        st = others != NULL && others->rank > 0 && is_for_first(c, o) ? WAGLE_OK
                                                                      : c->run(running, o);
    const double seconds = cli_meter_end();
    if (o->dry_run)
        fputs(o->json ? wagle_plan_json(running) : wagle_plan(running), stdout);
    if (fflush(stdout) != 0 && st == WAGLE_OK) {
        fputs("wagle: standard output: cannot be written\n", stderr);
        st = WAGLE_E_RESOURCE;
    }
    if (st != WAGLE_OK && wagle_message(running)[0] != '\0')
        cli_meter_print("wagle: ", cli_colour(2, CLI_RED), wagle_message(running));
    if (st == WAGLE_OK || st == WAGLE_E_UNMET)
        cli_summary(o, seconds);
    st = (wagle_status)cli_leave(st, wagle_message(running));
    wagle_ctx_free(running);
    return st;
}

/* What is done of a command line that runs no command; -1: it runs *c. */
static int answer(int argc, char **argv, cli_options *o, const cli_command **c)
{
    wagle_status st;

    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return cli_help_command(0, NULL);
    if (strcmp(argv[1], "--version") == 0)
        return puts("wagle " WAGLE_VERSION) < 0;
    if (strcmp(argv[1], "__complete") == 0)
        return cli_complete(argc - 2, argv + 2);
    if (strcmp(argv[1], "help") == 0)
        return cli_help_command(argc - 2, argv + 2);
    *c = cli_command_find(argv[1]);
    if (*c == NULL)
        return cli_unknown_command(argv[1]);
    st = cli_parse(*c, argc - 1, (const char **)argv + 1, o);
    if (st != WAGLE_OK)
        return st;
    if (o->help)
        cli_help(*c);
    return o->help ? 0 : -1;
}

int main(int argc, char **argv)
{
    cli_options o = {0};
    const cli_command *c = NULL;
    const wagle_processes *others;
    int code;

    if (!cli_join(&argc, &argv, &others))
        return WAGLE_E_USAGE;
    cli_make_table();
    code = answer(argc, argv, &o, &c);
    return code >= 0 || c == NULL ? cli_leave(code, "") : (int)run(c, &o, others);
}
