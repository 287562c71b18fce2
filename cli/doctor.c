/* doctor.c - `wagle doctor`: the machine in a few lines, or as JSON. */
#include "common.h"

#include <stdio.h>
#include <string.h>

static const char *text_at(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));

    return text != NULL && *text != '\0' ? text : "unknown";
}

static double gb(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key)) / 1e9;
}

static void print_card(const json_t *card)
{
    static const char *const libraries[] = {"libcuda", "libnvrtc", "libcublasLt"};

    if (json_object_get(card, "name") != NULL)
        printf("card       %s, compute capability %s, driver %s, %.1f GB\n", text_at(card, "name"),
               text_at(card, "compute_capability"), text_at(card, "driver"),
               gb(card, "memory_bytes"));
    for (int i = 0; i < 3; i++)
        if (json_object_get(card, libraries[i]) != NULL)
            printf("           %s: %s\n", libraries[i], text_at(card, libraries[i]));
    if (json_object_get(card, "why") != NULL)
        printf("card       none that can be used: %s\n", text_at(card, "why"));
    else
        printf("           %.1f GB free; use it with --device cuda\n", gb(card, "free_bytes"));
}

static void print_fits(const json_t *fits)
{
    size_t i;
    json_t *one;

    puts("an update of a tenth of the weights, from 4 + 4 rows of 128 tokens:");
    json_array_foreach (json_object_get(fits, "models"), i, one) {
        printf("  %-8s processor %5.1f GB, %s", text_at(one, "model"), gb(one, "cpu_bytes"),
               json_is_true(json_object_get(one, "fits_cpu")) ? "fits" : "does not fit");
        if (json_object_get(one, "card_bytes") != NULL)
            printf("; card %5.1f GB%s, %s", gb(one, "card_bytes"),
                   json_is_true(json_object_get(one, "card_streamed"))
                       ? " with weights from the host"
                       : "",
                   json_is_true(json_object_get(one, "fits_card")) ? "fits" : "does not fit");
        putchar('\n');
    }
}

wagle_status cli_doctor(wagle_ctx *ctx, cli_options *o)
{
    char *text;
    json_t *all, *cpu, *memory;
    wagle_status st = wagle_doctor(ctx, &text);

    if (st != WAGLE_OK || o->json)
        return cli_print(st, text);
    all = json_loads(text, 0, NULL);
    wagle_string_free(text);
    cpu = json_object_get(all, "cpu");
    memory = json_object_get(all, "memory");
    printf("wagle      %s\n", text_at(all, "wagle"));
    printf("processor  %s, %d threads\n", text_at(cpu, "model"),
           (int)json_integer_value(json_object_get(cpu, "threads")));
    printf("products   by %s: %.0f GFLOP/s in float32, %.0f with --precision bf16\n",
           text_at(cpu, "vector_units"), json_number_value(json_object_get(cpu, "gflops")),
           json_number_value(json_object_get(cpu, "gflops_bf16")));
    printf("memory     %.1f GB, %.1f GB available\n", gb(memory, "total_bytes"),
           gb(memory, "available_bytes"));
    printf("disk       %.1f GB free here\n", gb(all, "disk_free_bytes"));
    print_card(json_object_get(all, "card"));
    print_fits(json_object_get(all, "fits"));
    json_decref(all);
    return st;
}
