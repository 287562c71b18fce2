"""Small SentencePiece models and what the sentencepiece library makes of 2,000 strings:
python sentencepiece_gold.py [out_dir]   (needs sentencepiece)"""
import json, pathlib, random, sys, tempfile
import sentencepiece as spm

OUT = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent / "sentencepiece"
NAMES = "Mira Jonas Ayla Theo Nadia Oskar Lin Pavel Zuri Émile Søren Zoë Łukasz İpek".split()
THINGS = "book bridge garden poem river violin window harbour lantern compass melody orchard café naïveté Straße".split()
random.seed(11)


def sentence():
    return (f"{random.choice(NAMES)} {random.choice(['wrote', 'found', 'sold', 'painted'])} "
            f"{random.choice(['a', 'the', 'one'])} {random.choice(THINGS)} in {random.randint(1800, 2030)}"
            f"{random.choice(['.', '!', '?', ', and then left.'])}")


def noise():
    pool = [*range(32, 127), 9, 10, 160, 0x3000, *range(0xC0, 0x180), *range(0x391, 0x3C9), *range(0x4E00, 0x4E20), 0x1F600, 0x1F1E9, 0x1F1EA,
            0x301, 0x200D, 0xFB01, 0x2126, 0xFF21, 0xAC00, 0x1100, 0x1161, 0x2581]
    return "".join(chr(random.choice(pool)) for _ in range(random.randint(0, 24)))


def main():
    for name in ("bpe", "unigram"):
        (OUT / name).mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as f:
        f.write("\n".join(sentence() for _ in range(4000)))
        f.flush()
        common = dict(input=f.name, minloglevel=2, character_coverage=1.0)
        spm.SentencePieceTrainer.train(**common, model_prefix=str(OUT / "bpe" / "tokenizer"), model_type="bpe", vocab_size=600, byte_fallback=True,
                                       normalization_rule_name="identity", remove_extra_whitespaces=False, split_digits=True)
        spm.SentencePieceTrainer.train(**common, model_prefix=str(OUT / "unigram" / "tokenizer"), model_type="unigram", vocab_size=300,
                                       normalization_rule_name="nmt_nfkc", user_defined_symbols=["<sep>"])
    texts = ["", " ", "  two  spaces ", "\n", "a"] + [sentence() for _ in range(995)] + [noise() for _ in range(1000)]
    for name in ("bpe", "unigram"):
        sp = spm.SentencePieceProcessor(model_file=str(OUT / name / "tokenizer.model"))
        (OUT / name / "tokenizer.vocab").unlink()
        with open(OUT / name / "gold.jsonl", "w") as f:
            for text in texts:
                f.write(json.dumps({"text": text, "ids": sp.encode(text)}) + "\n")


main()
