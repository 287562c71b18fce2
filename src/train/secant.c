#include "train/secant.h"

#include <math.h>

static const double FAILED_BY = 3;  /* a rate at which the loss is not finite is too high by this */
static const double JUMP_MOST = 10; /* between two tries */

/* --- the next rate ------------------------------------------------------------------------------
 */

/* Distance to the wanted work, in logarithms. */
static double off(const wg_tried *t)
{
    return fabs(log(t->work));
}

static double between(double x, double least, double most)
{
    return x < least ? least : x > most ? most : x;
}

/* Whether x is nearer to the wanted work than y. How slow a try is can be told only up to a bound:
 * of two that are at it, the higher rate is nearer. */
static bool is_nearer(const wg_tried *x, const wg_tried *y)
{
    return off(x) < off(y) || (off(x) == off(y) && !x->stopped && x->rate > y->rate);
}

const wg_tried *wg_search_nearest(const wg_tried *list, int n, bool stopped, const wg_tried *but)
{
    const wg_tried *best = NULL;

    for (int i = 0; i < n; i++)
        if (!list[i].failed && list[i].stopped == stopped && &list[i] != but &&
            (best == NULL || is_nearer(&list[i], best)))
            best = &list[i];
    return best;
}

/* Keeps log rate x between what is known to be too slow and what is too fast. */
static double bracketed(const wg_tried *list, int n, double x)
{
    double slow = -INFINITY, fast = INFINITY;

    for (int i = 0; i < n; i++) {
        const double at = log(list[i].rate);
        if (list[i].failed || (list[i].stopped && list[i].work < 1))
            fast = fmin(fast, at);
        else
            slow = fmax(slow, at);
    }
    if (slow >= fast) /* they contradict each other */
        return x;
    if (isinf(slow))
        return x < fast ? x : fast - log(1.5);
    if (isinf(fast))
        return x > slow ? x : slow + log(1.5);
    if (x <= slow || x >= fast)
        return (slow + fast) / 2;
    return between(x, slow + 0.05 * (fast - slow), fast - 0.05 * (fast - slow));
}

double wg_search_next(const wg_tried *list, int n, double start)
{
    return wg_search_within(list, n, start, -4, -0.25);
}

double wg_search_within(const wg_tried *list, int n, double start, double steepest, double flattest)
{
    const wg_tried *a = wg_search_nearest(list, n, true, NULL),
                   *b = wg_search_nearest(list, n, true, a);
    const double most = log(a != NULL ? JUMP_MOST : WG_SLOWER_BY);
    double slope = -1, lowest = INFINITY;

    if (n == 0)
        return start;
    if (a == NULL)
        a = wg_search_nearest(list, n, false, NULL);
    for (int i = 0; i < n; i++)
        lowest = fmin(lowest, list[i].rate);
    if (a == NULL)
        return lowest / FAILED_BY;
    if (b != NULL)
        slope = between(log(a->work / b->work) / log(a->rate / b->rate), steepest, flattest);
    return exp(bracketed(list, n, log(a->rate) + between(-log(a->work) / slope, -most, most)));
}

/* --- what a try would have taken ---------------------------------------------------------------
 */

/* Updates divide a probability rather than lower it, so that its logarithm falls evenly. */
static double even(double x, bool share)
{
    return share ? log(x) : x;
}

static bool is_share(double x)
{
    return x > 0 && x < 1;
}

double wg_search_part(double from, double to, double bound)
{
    const bool share = is_share(from) && is_share(to) && is_share(bound);

    return (even(to, share) - even(from, share)) / (even(bound, share) - even(from, share));
}

double wg_search_expect(const wg_pace *p, double spent, double wanted, double most)
{
    const double part = wg_search_part(p->value[0], p->value[1], p->bound);
    const double left = (1 - part) / part * (p->work[1] - p->work[0]);

    return part > 0 ? between((spent + left) / wanted, spent / wanted, most) : most;
}
