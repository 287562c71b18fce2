/* conversation.h - rows of messages, in each of the forms that are published. */
#ifndef WG_DATA_CONVERSATION_H
#define WG_DATA_CONVERSATION_H

#include "data/record.h"

/* The row's messages as a list of {"role", "content", ..}: those of its column of messages
 * (role/content, or ShareGPT's from/value), or of a prompt and an answer of which one or both are
 * lists of messages (TRL): split. answered: the last is the assistant's. json_decref *out. */
WAGLE_CHECK wagle_status wg_conversation_read(wagle_ctx *ctx, const wg_record *r,
                                              const wg_columns *columns, bool split, bool answered,
                                              json_t **out);
/* Whether message i is the assistant's. */
bool wg_is_assistant(const json_t *messages, size_t i);
/* Of a message as its file has it, in either form: whether the user says it, and the key of its
 * text. */
bool wg_is_users(const json_t *message);
const char *wg_message_key(const json_t *message);
bool wg_opens_with_system(const json_t *messages); /* or with the developer's */
/* A message of that role and text. */
json_t *wg_message_new(const char *role, wg_str content);
/* A copy of the messages, after a system message where they have none and one is given; `turns`
 * (messages, or NULL) and the text `before` go before what the user first says. */
WAGLE_CHECK wagle_status wg_conversation_extend(wagle_ctx *ctx, const json_t *messages,
                                                const char *system, const json_t *turns,
                                                wg_str before, json_t **out);
/* The text of a message: its content, or the texts of its parts one after the other. */
WAGLE_CHECK wagle_status wg_message_text(wagle_ctx *ctx, const json_t *message, wg_text *out);

#endif
