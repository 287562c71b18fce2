/* conversation.h - rows of messages, in the common formats. */
#ifndef WG_DATA_CONVERSATION_H
#define WG_DATA_CONVERSATION_H

#include "data/record.h"

/* Reads the row's messages as a list of {"role", "content", ..}. They come from the column of
 * messages (role/content, or ShareGPT's from/value). split: from prompt and answer columns, one or
 * both of which are lists of messages (TRL). answered: the last must be the assistant's.
 * json_decref *out. */
WAGLE_CHECK wagle_status wg_conversation_read(wagle_ctx *ctx, const wg_record *r,
                                              const wg_columns *columns, bool split, bool answered,
                                              json_t **out);
/* Whether message i is the assistant's. */
bool wg_is_assistant(const json_t *messages, size_t i);
/* For a message as in the file, in either format: whether its role is user, and the key of its
 * text.
 */
bool wg_is_users(const json_t *message);
const char *wg_message_key(const json_t *message);
bool wg_opens_with_system(const json_t *messages); /* or a developer message */
/* Makes a message. */
json_t *wg_message_new(const char *role, wg_str content);
/* Copies the messages. `system` (or NULL) is added if they have no system message. `turns`
 * (messages, or NULL) and the text `before` are inserted before the first user message's text. */
WAGLE_CHECK wagle_status wg_conversation_extend(wagle_ctx *ctx, const json_t *messages,
                                                const char *system, const json_t *turns,
                                                wg_str before, json_t **out);
/* The text of a message: its content, or the concatenated texts of its parts. */
WAGLE_CHECK wagle_status wg_message_text(wagle_ctx *ctx, const json_t *message, wg_text *out);

#endif
