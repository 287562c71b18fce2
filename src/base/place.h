/* place.h - checks that a path is a model folder. */
#ifndef WG_BASE_PLACE_H
#define WG_BASE_PLACE_H

#include "base/context.h"

/* WAGLE_OK if it is a folder with config.json; else the message says what it is and what to do. */
WAGLE_CHECK wagle_status wg_model_place(wagle_ctx *ctx, const char *folder);
/* Whether it is a file that begins as a GGUF file does. */
bool wg_is_gguf(const char *path);

#endif
