/* page.c - writes HTML without scripts and without external resources. */
#include "report/report.h"

#include <stdio.h>
#include <string.h>

static const char style[] =
    ":root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--soft:#59636e;--line:#d1d9e0;"
    "--wash:#f4f6f8;--mark:#ffe08a;--accent:#0b5cad;--pass:#0b5cad;--fail:#a13d00;"
    "--shade:rgba(27,31,36,.28)}"
    "@media screen and (prefers-color-scheme:dark){:root{--ink:#e6e9ed;--paper:#14171b;"
    "--soft:#9aa5b1;--line:#333b44;--wash:#1d2228;--mark:#7a5c00;--accent:#7cb8f5;--pass:#7cb8f5;"
    "--fail:#f0a35e;--shade:rgba(0,0,0,.8)}"
    "figure svg{filter:invert(.91) hue-rotate(180deg)}}"
    "*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);"
    "font:16px/1.55 system-ui,sans-serif;overflow-wrap:anywhere}"
    "main{max-width:58rem;margin:0 auto;padding:1.5rem 1rem 4rem}"
    "h1{font-size:1.7rem;line-height:1.25;margin:.2em 0 .6em}"
    "h2{font-size:1.25rem;margin:2.2em 0 .6em;padding-top:.7em;border-top:1px solid var(--line)}"
    "h3{font-size:1rem;margin:1.6em 0 .4em}"
    /* the verdict is blue or orange; a mark and words repeat what the colour says */
    ".verdict{font-size:1.12rem;padding:1rem 1.2rem;background:var(--wash);"
    "border-left:4px solid var(--accent);border-radius:4px}.verdict p{margin:.4em 0}"
    ".verdict.pass{border-color:var(--pass)}.verdict.fail{border-left:4px dashed var(--fail)}"
    ".verdict .mark{font-size:1.5rem;font-weight:700}"
    ".pass>.mark,b.pass{color:var(--pass)}.fail>.mark,b.fail{color:var(--fail)}b.open{color:var("
    "--soft)}b{white-space:nowrap}"
    "hr.part{margin:3.5em 0 1em;border:0;border-top:3px double var(--line)}"
    "p.part{color:var(--soft)}"
    "dl{display:grid;grid-template-columns:minmax(8rem,14rem) 1fr;gap:.35em 1em;margin:.8em 0}"
    "dt{color:var(--soft)}dd{margin:0}"
    /* a box that scrolls sideways shows a shadow on each side with hidden content, and a scroll bar
     */
    ".scroll{overflow-x:auto;scrollbar-width:thin;"
    "background:linear-gradient(to right,var(--paper) 40%,transparent) 0 0/2.5rem 100% no-repeat "
    "local,linear-gradient(to left,var(--paper) 40%,transparent) 100% 0/2.5rem 100% no-repeat "
    "local,linear-gradient(to right,var(--shade),transparent) 0 0/.8rem 100% no-repeat,"
    "linear-gradient(to left,var(--shade),transparent) 100% 0/.8rem 100% no-repeat}"
    "figure{margin:1.2em 0}figure svg{display:block;height:auto;max-width:none;min-width:620px;"
    "width:100%;border-radius:4px}figcaption{color:var(--soft);font-size:.9rem;margin-top:.5em}"
    "figure .scroll{background:none}"
    "table{border-collapse:collapse;font-size:.9rem;min-width:100%}"
    "th,td{text-align:left;padding:.35em .7em;border-bottom:1px solid var(--line);"
    "vertical-align:top;overflow-wrap:normal}"
    "td.t,th.t{overflow-wrap:anywhere;min-width:12rem}"
    "thead th{color:var(--soft);font-weight:600;white-space:nowrap}"
    "tbody th{font-weight:600;min-width:9rem}"
    ".cards tbody th,.cards td{overflow-wrap:anywhere}.n{white-space:nowrap}"
    /* the first column stays in view while the others scroll */
    ".scroll tr>:first-child{position:sticky;left:0;background:var(--paper)}"
    "small{color:var(--soft);font-variant-numeric:tabular-nums;white-space:nowrap}"
    "mark{background:var(--mark);color:inherit;border-radius:2px}"
    ".said{max-height:11rem;overflow:auto;white-space:pre-wrap;unicode-bidi:isolate}"
    "details{margin:.8em 0}summary{cursor:pointer;color:var(--accent)}"
    "details.hash{margin:0;max-width:22rem;overflow-wrap:anywhere}"
    "pre{white-space:pre-wrap;background:var(--wash);padding:.8em 1em;border-radius:4px;"
    "font-size:.85rem}"
    "@media screen and (max-width:40rem){table.cards thead{position:absolute;left:-9999px}"
    "table.cards,table.cards tbody,table.cards tr,table.cards th,table.cards td{display:block}"
    "table.cards tr{border:1px solid var(--line);border-radius:6px;padding:.5em .7em;margin:.7em 0}"
    "table.cards th,table.cards td{border:0;padding:.15em 0;overflow-wrap:anywhere}"
    "table.cards td::before{content:attr(data-label) \": \";color:var(--soft)}"
    "dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5em}}";

/* Printing: black on white, no clipping at the edge of the paper, all details open. */
static const char print_style[] =
    "@media print{:root{color-scheme:light;--ink:#000;--paper:#fff;--soft:#333;--line:#999;"
    "--wash:#fff;--mark:#ddd;--accent:#000;--pass:#000;--fail:#000}"
    "main{max-width:none;padding:0}body{font-size:11pt}"
    ".verdict{border:1px solid #000}"
    "figure svg{filter:none;min-width:0}.scroll{overflow:visible;background:none}"
    ".said{max-height:none;overflow:visible}"
    ".scroll "
    "tr>:first-child{position:static}table{font-size:8.5pt;width:100%}th,td{overflow-wrap:break-"
    "word;padding:.3em .4em}"
    "td.t,.hash{overflow-wrap:anywhere}"
    "tbody th{min-width:0}td.t,th.t{min-width:0}thead th,small{white-space:normal}"
    "thead{display:table-header-group}"
    "h2,h3{break-after:avoid}figure,tr,.verdict{break-inside:avoid}"
    "details::details-content{content-visibility:visible;display:block;height:auto}"
    "summary{color:#000;list-style:none}details.hash summary{display:none}}";

/* Escapes text for an element: markup and invalid control characters. Controls of the writing
 * direction become U+FFFD, because the text might not close them. */
wagle_status wg_page_text(wagle_ctx *ctx, wg_text *p, const char *text)
{
    const size_t bytes = strlen(text);

    for (size_t i = 0; i < bytes;) {
        int32_t code = 0xFFFD;
        const int n = wg_utf8_decode(text + i, bytes - i, &code);
        const bool turns = (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
        const bool control =
            (code < 0x20 && code != '\n' && code != '\t') || (code >= 0x7F && code < 0xA0);
        const char *as = n == 0 || turns || control || code == 0xFFFE || code == 0xFFFF
                             ? "\xEF\xBF\xBD"
                         : code == '&'  ? "&amp;"
                         : code == '<'  ? "&lt;"
                         : code == '>'  ? "&gt;"
                         : code == '"'  ? "&quot;"
                         : code == '\'' ? "&#39;"
                                        : NULL;
        WG_TRY(as != NULL ? wg_text_addz(ctx, p, as) : wg_text_add(ctx, p, text + i, (size_t)n));
        i += n > 0 ? (size_t)n : 1;
    }
    return WAGLE_OK;
}

wagle_status wg_page_piece(wagle_ctx *ctx, wg_text *p, const char *at, size_t bytes)
{
    wg_text copy = {0};
    wagle_status st = wg_text_add(ctx, &copy, at, bytes);

    if (st == WAGLE_OK)
        st = wg_page_text(ctx, p, copy.text);
    wg_text_free(&copy);
    return st;
}

wagle_status wg_page_begin(wagle_ctx *ctx, wg_text *p, const char *title)
{
    WG_TRY(wg_text_addz(
        ctx, p,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
        "style-src 'unsafe-inline'; img-src data:\"><link rel=\"icon\" href=\"data:,\"><title>"));
    WG_TRY(wg_page_text(ctx, p, title));
    WG_TRY(wg_text_printf(ctx, p, "</title><style>%s%s</style></head><body><main>\n<h1>", style,
                          print_style));
    WG_TRY(wg_page_text(ctx, p, title));
    return wg_text_addz(ctx, p, "</h1>\n");
}

wagle_status wg_page_end(wagle_ctx *ctx, wg_text *p)
{
    return wg_text_addz(ctx, p, "</main></body></html>\n");
}

wagle_status wg_page_section(wagle_ctx *ctx, wg_text *p, const char *title)
{
    WG_TRY(wg_text_addz(ctx, p, "<h2>"));
    WG_TRY(wg_page_text(ctx, p, title));
    return wg_text_addz(ctx, p, "</h2>\n");
}

static wagle_status formatted(wagle_ctx *ctx, wg_text *p, const char *format, va_list args)
{
    char text[2048];

    vsnprintf(text, sizeof text, format, args);
    return wg_page_text(ctx, p, text);
}

wagle_status wg_page_paragraph(wagle_ctx *ctx, wg_text *p, const char *format, ...)
{
    va_list args;
    wagle_status st;

    WG_TRY(wg_text_addz(ctx, p, "<p>"));
    va_start(args, format);
    st = formatted(ctx, p, format, args);
    va_end(args);
    WG_TRY(st);
    return wg_text_addz(ctx, p, "</p>\n");
}

wagle_status wg_page_long(wagle_ctx *ctx, wg_text *p, const char *text)
{
    WG_TRY(wg_text_addz(ctx, p, "<p>"));
    WG_TRY(wg_page_text(ctx, p, text));
    return wg_text_addz(ctx, p, "</p>\n");
}

wagle_status wg_page_figure(wagle_ctx *ctx, wg_text *p, const wg_text *svg, const char *caption)
{
    WG_TRY(wg_text_addz(ctx, p, "<figure role=\"group\" aria-label=\""));
    WG_TRY(wg_page_text(ctx, p, caption));
    WG_TRY(wg_text_addz(ctx, p,
                        "\"><div class=\"scroll\" role=\"region\" aria-label=\"Figure\" "
                        "tabindex=\"0\">\n"));
    WG_TRY(wg_text_add(ctx, p, svg->text, (size_t)svg->bytes));
    WG_TRY(wg_text_addz(ctx, p, "</div><figcaption>"));
    WG_TRY(wg_page_text(ctx, p, caption));
    return wg_text_addz(ctx, p, "</figcaption></figure>\n");
}

static wagle_status open_table(wagle_ctx *ctx, wg_text *p, const char *begin,
                               const char *const *heads, int n)
{
    WG_TRY(wg_text_addz(ctx, p, begin));
    for (int i = 0; i < n; i++) {
        WG_TRY(wg_text_addz(ctx, p, "<th scope=\"col\">"));
        WG_TRY(wg_page_text(ctx, p, heads[i]));
        WG_TRY(wg_text_addz(ctx, p, "</th>"));
    }
    return wg_text_addz(ctx, p, "</tr></thead><tbody>\n");
}

wagle_status wg_page_table(wagle_ctx *ctx, wg_text *p, const char *const *heads, int n)
{
    return open_table(ctx, p,
                      "<div class=\"scroll\" role=\"region\" aria-label=\"Table\" "
                      "tabindex=\"0\"><table><thead><tr>",
                      heads, n);
}

wagle_status wg_page_cards(wagle_ctx *ctx, wg_text *p, const char *const *heads, int n)
{
    return open_table(ctx, p, "<div><table class=\"cards\"><thead><tr>", heads, n);
}

wagle_status wg_page_table_end(wagle_ctx *ctx, wg_text *p)
{
    return wg_text_addz(ctx, p, "</tbody></table></div>\n");
}

wagle_status wg_page_cell(wagle_ctx *ctx, wg_text *p, bool head, const char *format, ...)
{
    va_list args;
    wagle_status st;

    WG_TRY(wg_text_addz(ctx, p, head ? "<th scope=\"row\">" : "<td>"));
    va_start(args, format);
    st = formatted(ctx, p, format, args);
    va_end(args);
    WG_TRY(st);
    return wg_text_addz(ctx, p, head ? "</th>" : "</td>");
}

/* --- differences ------------------------------------------------------------------------------ */

enum { MAX_WORDS = 3000 };

typedef struct word {
    const char *at;
    size_t bytes; /* length of the word, and of the space after it */
    size_t space;
} word;

static wagle_status split_words(wagle_ctx *ctx, const char *text, word **out, int64_t *n)
{
    int64_t capacity = 0;

    *out = NULL;
    *n = 0;
    while (*text != '\0') {
        const size_t bytes = strcspn(text, " \n\t"), space = strspn(text + bytes, " \n\t");
        WG_TRY(WG_GROW(ctx, out, &capacity, *n + 1));
        (*out)[(*n)++] = (word){text, bytes, space};
        text += bytes + space;
    }
    return WAGLE_OK;
}

static bool same(const word *a, const word *b)
{
    return a->bytes == b->bytes && memcmp(a->at, b->at, a->bytes) == 0;
}

/* Sets in_common [m]: the words of b that are in a longest common subsequence with a. */
static wagle_status find_common(wagle_ctx *ctx, const word *a, int64_t n, const word *b, int64_t m,
                                bool *in_common)
{
    uint16_t *length; /* [n+1][m+1] length of the common subsequence of the suffixes */

    if (n > MAX_WORDS || m > MAX_WORDS)
        return WAGLE_OK;
    WG_TRY(WG_ALLOC(ctx, &length, (n + 1) * (m + 1)));
    for (int64_t i = n - 1; i >= 0; i--)
        for (int64_t j = m - 1; j >= 0; j--) {
            const uint16_t down = length[(i + 1) * (m + 1) + j],
                           right = length[i * (m + 1) + j + 1];
            length[i * (m + 1) + j] = same(&a[i], &b[j])
                                          ? (uint16_t)(length[(i + 1) * (m + 1) + j + 1] + 1)
                                      : down > right ? down
                                                     : right;
        }
    for (int64_t i = 0, j = 0; i < n && j < m;) {
        if (same(&a[i], &b[j])) {
            in_common[j] = true;
            i++;
            j++;
        } else if (length[(i + 1) * (m + 1) + j] >= length[i * (m + 1) + j + 1])
            i++;
        else
            j++;
    }
    wg_free(length);
    return WAGLE_OK;
}

wagle_status wg_page_difference(wagle_ctx *ctx, wg_text *p, const char *other, const char *text)
{
    word *a = NULL, *b = NULL;
    int64_t n = 0, m = 0;
    bool *in_common = NULL;
    wagle_status st = split_words(ctx, other, &a, &n);

    if (st == WAGLE_OK)
        st = split_words(ctx, text, &b, &m);
    if (st == WAGLE_OK)
        st = WG_ALLOC(ctx, &in_common, m);
    if (st == WAGLE_OK)
        st = find_common(ctx, a, n, b, m, in_common);
    for (int64_t j = 0; st == WAGLE_OK && j < m; j++) {
        if (!in_common[j] && b[j].bytes > 0)
            st = wg_text_addz(ctx, p, "<mark>");
        if (st == WAGLE_OK)
            st = wg_page_piece(ctx, p, b[j].at, b[j].bytes);
        if (st == WAGLE_OK && !in_common[j] && b[j].bytes > 0)
            st = wg_text_addz(ctx, p, "</mark>");
        if (st == WAGLE_OK)
            st = wg_page_piece(ctx, p, b[j].at + b[j].bytes, b[j].space);
    }
    wg_free(a);
    wg_free(b);
    wg_free(in_common);
    return st;
}
