/* secant.h - a search for the learning rate at which a rule is reached in a wanted number of
 * updates.
 *
 * A secant search in log(rate) against log(work). The work of n updates is the sum of the
 * schedule's factors over them (warm-up, decay), so that at low rates work is proportional to
 * 1/rate: that is the slope until two runs tell another. */
#ifndef WG_TRAIN_SECANT_H
#define WG_TRAIN_SECANT_H

#include "base/context.h"

#define WG_SLOWER_BY 3.0 /* most that is expected of a try that was too slow */

/* A rate that was tried. */
typedef struct wg_tried {
    double rate;
    double
        work; /* until the rule held, as a multiple of what is wanted; expected, unless stopped */
    bool stopped, failed; /* failed: the loss was not finite */
} wg_tried;

/* The rate to try next, after n. start: the first. */
double wg_search_next(const wg_tried *list, int n, double start);
/* The same where the slope of log(work) by log(rate) is known to lie between two numbers below 0.
 */
double wg_search_within(const wg_tried *list, int n, double start, double steepest,
                        double flattest);

/* The nearest to the wanted work, in logarithms, of those that stopped or of those that did not;
 * not `but`. NULL: none. */
const wg_tried *wg_search_nearest(const wg_tried *list, int n, bool stopped, const wg_tried *but);

/* The metric after two amounts of work, and the value at which the rule holds. */
typedef struct wg_pace {
    double work[2], value[2], bound;
} wg_pace;

/* The share of the way from `from` to `bound` that `to` is; of probabilities, in logarithms. */
double wg_search_part(double from, double to, double bound);
/* The work until the rule would hold at that pace, as a multiple of `wanted`, at most `most`.
 * spent: the try's work, after which the rule did not hold. */
double wg_search_expect(const wg_pace *p, double spent, double wanted, double most);

#endif
