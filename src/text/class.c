/* class.c - chooses the tokenizer class like transformers 5.24, with what each class builds around
 * the vocabulary of tokenizer.json (models/.../tokenization_....py, auto/tokenization_auto.py).
 *
 * A class with its own __init__ keeps vocabulary, merges and post-processor of tokenizer.json and
 * builds a new normalizer, pre-tokenizer and decoder. All others use tokenizer.json unchanged. */
#include "text/folder.h"

#include <string.h>

#define BYTES(prefix)                                                                              \
    "{\"type\":\"ByteLevel\",\"add_prefix_space\":" prefix                                         \
    ",\"trim_offsets\":true,\"use_regex\":true}"
#define BYTES_AFTER(first, prefix)                                                                 \
    "{\"type\":\"Sequence\",\"pretokenizers\":[" first                                             \
    ",{\"type\":\"ByteLevel\",\"add_prefix_space\":" prefix                                        \
    ",\"trim_offsets\":true,\"use_regex\":false}]}"
#define DIGITS(prefix)                                                                             \
    "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\",\"individual_digits\":true}"   \
    "," BYTES(prefix) "]}"
#define SPLIT(pattern)                                                                             \
    "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(?i:'s|'t|'re|'ve|'m|'ll|'d)|" pattern           \
    "|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+\"},\"behavior\":\"Isolated\",\"invert\":false}"
#define QWEN2                                                                                      \
    SPLIT("[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}| "                                     \
          "?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*")
#define QWEN3_5                                                                                    \
    SPLIT("[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?[\\\\p{L}\\\\p{M}]+|\\\\p{N}| "                           \
          "?[^\\\\s\\\\p{L}\\\\p{M}\\\\p{N}]+[\\\\r\\\\n]*")
#define SPACES(scheme)                                                                             \
    "{\"type\":\"Metaspace\",\"replacement\":\"\xE2\x96\x81\",\"prepend_scheme\":\"" scheme        \
    "\",\"split\":false}"
#define PIECES(more)                                                                               \
    "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\",\"pattern\":{\"String\":"          \
    "\"\xE2\x96\x81\"},\"content\":\" \"},{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"}" more    \
    "]}"
#define STRIP ",{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":0}"
#define NFC "{\"type\":\"NFC\"}"
#define BYTE_DECODER                                                                               \
    {                                                                                              \
        BYTES("true"), BYTES("true")                                                               \
    }
#define WORDS "{\"type\":\"BertPreTokenizer\"}"
#define WORD_PIECES "{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":true}"
#define END "<|endoftext|>"

static const wg_token_class as_it_is = {.name = NULL};

static const wg_token_class classes[] = {
    {.name = "GPT2Tokenizer",
     .pre_tokenizer = {BYTES("false"), BYTES("true")},
     .decoder = BYTE_DECODER,
     .bos = END,
     .eos = END,
     .unknown = END,
     .pad_is_none = true},
    {.name = "CodeGenTokenizer",
     .pre_tokenizer = {BYTES("false"), BYTES("true")},
     .decoder = BYTE_DECODER,
     .bos = END,
     .eos = END,
     .unknown = END,
     .pad_is_none = true},
    {.name = "GPTNeoXTokenizer",
     .normalizer = NFC,
     .pre_tokenizer = {BYTES("false"), BYTES("true")},
     .decoder = BYTE_DECODER,
     .bos = END,
     .eos = END,
     .unknown = END,
     .pad = "<|padding|>",
     .drops_form = true},
    {.name = "Qwen2Tokenizer",
     .normalizer = NFC,
     .pre_tokenizer = {BYTES_AFTER(QWEN2, "false"), BYTES_AFTER(QWEN2, "true")},
     .decoder = BYTE_DECODER,
     .eos = END,
     .unknown = END,
     .pad = END,
     .adds_again = true},
    {.name = "Qwen3_5Tokenizer",
     .normalizer = NFC,
     .pre_tokenizer = {BYTES_AFTER(QWEN3_5, "false"), BYTES_AFTER(QWEN3_5, "true")},
     .decoder = BYTE_DECODER,
     .eos = END,
     .unknown = END,
     .pad = END},
    {.name = "CohereTokenizer",
     .normalizer = NFC,
     .pre_tokenizer = {DIGITS("false"), DIGITS("true")},
     .decoder = BYTE_DECODER,
     .bos = "<BOS_TOKEN>",
     .eos = "<|END_OF_TURN_TOKEN|>",
     .unknown = "<UNK>",
     .pad = "<PAD>",
     .cls = "<CLS>",
     .sep = "<SEP>",
     .mask = "<MASK_TOKEN>",
     .makes_special = true},
    {.name = "LlamaTokenizer",
     .pre_tokenizer = {SPACES("never"), SPACES("first")},
     .decoder = {PIECES(""), PIECES(STRIP)},
     .bos = "<s>",
     .eos = "</s>",
     .unknown = "<unk>",
     .prefix_space = true,
     .pieces = true,
     .scheme_legacy = true},
    {.name = "CodeLlamaTokenizer",
     .pre_tokenizer = {SPACES("never"), SPACES("first")},
     .decoder = {PIECES(STRIP), PIECES(STRIP)},
     .bos = "<s>",
     .eos = "</s>",
     .unknown = "<unk>",
     .prefix_space = true,
     .pieces = true,
     .unknown_model = true,
     .infills = true},
    {.name = "GemmaTokenizer",
     .normalizer = "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":"
                   "\"\xE2\x96\x81\"}",
     .pre_tokenizer = {"{\"type\":\"Split\",\"pattern\":{\"String\":\" \"},\"behavior\":"
                       "\"MergedWithPrevious\",\"invert\":false}",
                       "{\"type\":\"Split\",\"pattern\":{\"String\":\" \"},\"behavior\":"
                       "\"MergedWithPrevious\",\"invert\":false}"},
     .decoder = {PIECES(""), PIECES("")},
     .bos = "<bos>",
     .eos = "<eos>",
     .unknown = "<unk>",
     .pad = "<pad>",
     .mask = "<mask>",
     .pieces = true,
     .unknown_model = true},
    {.name = "BertTokenizer",
     .pre_tokenizer = {WORDS, WORDS},
     .decoder = {WORD_PIECES, WORD_PIECES},
     .unknown = "[UNK]",
     .sep = "[SEP]",
     .pad = "[PAD]",
     .cls = "[CLS]",
     .mask = "[MASK]",
     .bert = true},
};

/* Other classes of transformers, which no supported model uses. */
static const char *const others[] = {"Albert",
                                     "Bart",
                                     "Barthez",
                                     "Bartpho",
                                     "Basic",
                                     "BertGeneration",
                                     "BertJapanese",
                                     "Bertweet",
                                     "BigBird",
                                     "BioGpt",
                                     "Blenderbot",
                                     "BlenderbotSmall",
                                     "ByT5",
                                     "CLIP",
                                     "CTRL",
                                     "Camembert",
                                     "Canine",
                                     "Character",
                                     "Clvp",
                                     "ConvBert",
                                     "Cpm",
                                     "CpmAnt",
                                     "DPRContextEncoder",
                                     "DPRQuestionEncoder",
                                     "DPRReader",
                                     "Deberta",
                                     "DebertaV2",
                                     "Dia",
                                     "DistilBert",
                                     "Electra",
                                     "Esm",
                                     "Esmc",
                                     "FNet",
                                     "FSMT",
                                     "FastSpeech2Conformer",
                                     "Flaubert",
                                     "Funnel",
                                     "GPTNeoXJapanese",
                                     "GPTSw3",
                                     "Herbert",
                                     "LED",
                                     "Lasr",
                                     "LayoutLM",
                                     "LayoutLMv2",
                                     "LayoutLMv3",
                                     "LayoutXLM",
                                     "Longformer",
                                     "Luke",
                                     "Lxmert",
                                     "M2M100",
                                     "MBart",
                                     "MBart50",
                                     "MLuke",
                                     "MPNet",
                                     "Marian",
                                     "MarkupLM",
                                     "Mecab",
                                     "Mgpstr",
                                     "MobileBert",
                                     "Mvp",
                                     "MyT5",
                                     "Nllb",
                                     "Nougat",
                                     "OpenAIGPT",
                                     "PLBart",
                                     "Parakeet",
                                     "Pegasus",
                                     "Perceiver",
                                     "Phobert",
                                     "Pop2Piano",
                                     "ProphetNet",
                                     "Rag",
                                     "Reformer",
                                     "RemBert",
                                     "RoCBert",
                                     "RoFormer",
                                     "Roberta",
                                     "SeamlessM4T",
                                     "Siglip",
                                     "Siglip2",
                                     "Speech2Text",
                                     "SpeechT5",
                                     "Splinter",
                                     "SqueezeBert",
                                     "T5",
                                     "Tapas",
                                     "Tipsv2",
                                     "Udop",
                                     "VideoPrism",
                                     "Vits",
                                     "Wav2Vec2CTC",
                                     "Wav2Vec2PhonemeCTC",
                                     "Whisper",
                                     "Wordpiece",
                                     "XGLM",
                                     "XLM",
                                     "XLMRoberta",
                                     "XLNet"};

/* The class of each model_type; other models have none. */
static const struct {
    const char *type, *class; /* NULL: tokenizer.json unchanged, whatever class the files name */
    bool forced;              /* the class in the files is known to be wrong */
} registered[] = {
    {"bert", "BertTokenizer", false},
    {"gemma", "GemmaTokenizer", false},
    {"gemma2", "GemmaTokenizer", false},
    {"gemma3", "GemmaTokenizer", false},
    {"gemma3_text", "GemmaTokenizer", false},
    {"gpt2", "GPT2Tokenizer", false},
    {"gpt_neox", "GPTNeoXTokenizer", false},
    {"mistral", NULL, false},
    {"olmo2", NULL, false},
    {"opt", "GPT2Tokenizer", false},
    {"phi", "GPT2Tokenizer", false},
    {"phi3", NULL, true},
    {"qwen2", "Qwen2Tokenizer", true},
    {"qwen3", "Qwen2Tokenizer", false},
    {"stablelm", NULL, false},
};

static bool is(const char *name, size_t n, const char *class)
{
    return strlen(class) == n && memcmp(name, class, n) == 0;
}

/* Aliases of classes. */
static const char *const other_names[][2] = {{"Phi3Tokenizer", "LlamaTokenizer"}};

/* Finds a class by name, ignoring "Fast". A name that transformers does not know means no class. */
static wagle_status find(wagle_ctx *ctx, const char *folder, const char *name, size_t n,
                         const wg_token_class **out)
{
    *out = &as_it_is;
    for (size_t i = 0; i < sizeof other_names / sizeof *other_names; i++)
        if (is(name, n, other_names[i][0])) {
            name = other_names[i][1];
            n = strlen(name);
        }
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (is(name, n, classes[i].name))
            *out = &classes[i];
    for (size_t i = 0; n > 9 && i < sizeof others / sizeof *others; i++)
        if (is(name, n - 9, others[i]) && memcmp(name + n - 9, "Tokenizer", 9) == 0)
            return wg_fail(ctx, WAGLE_E_INPUT, "%s: tokenizer_class '%.*s' is not supported",
                           folder, (int)n, name);
    return WAGLE_OK;
}

static size_t without_fast(const char *name)
{
    const size_t n = strlen(name);
    return n > 4 && strcmp(name + n - 4, "Fast") == 0 ? n - 4 : n;
}

static bool has_own_code(const json_t *config)
{
    const json_t *map = json_object_get(config, "auto_map");

    return json_is_array(map) || json_object_get(map, "AutoTokenizer") != NULL;
}

const wg_token_class *wg_token_class_bytes(void)
{
    return &classes[0];
}

wagle_status wg_token_class_choose(wagle_ctx *ctx, const char *folder, const wg_token_files *files,
                                   const wg_token_class **out)
{
    const char *type = json_string_value(json_object_get(files->model, "model_type"));
    const char *named = json_string_value(json_object_get(files->config, "tokenizer_class"));
    const char *own = NULL;
    const bool code = has_own_code(files->config);
    const size_t known = sizeof registered / sizeof *registered;
    size_t n, at = 0;

    *out = &as_it_is;
    if (named == NULL)
        named = json_string_value(json_object_get(files->model, "tokenizer_class"));
    while (at < known && (type == NULL || strcmp(registered[at].type, type) != 0))
        at++;
    own = at < known ? registered[at].class : NULL;
    if (named == NULL || (at < known && registered[at].forced && !code))
        return own != NULL ? find(ctx, folder, own, strlen(own), out) : WAGLE_OK;
    n = without_fast(named);
    if (!code && at < known && own == NULL)
        return WAGLE_OK;
    if (!code && files->byte_level && is(named, n, "LlamaTokenizer"))
        return WAGLE_OK;
    return find(ctx, folder, named, n, out);
}
