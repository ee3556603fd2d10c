package login

import (
	"cmp"
	"maps"
	"slices"

	"github.com/regrant/regrant/upstream"
)

// factors are the values of amr (RFC 8176 section 2) that count, with the kind of factor that each names. A text message
// or a call (sms, tel) does not: the telephone network is no second factor without a risk analysis (SP 800-63B-4
// section 3.1.3.3). Neither do answers to questions (kba) and circumstances (geo, rba, user, wia, mca).
var factors = map[string]string{
	"pwd": "knowledge", "pin": "knowledge",
	"face": "inherence", "fpt": "inherence", "iris": "inherence", "retina": "inherence", "vbm": "inherence",
	"otp": "possession", "hwk": "possession", "swk": "possession", "sc": "possession", "pop": "possession", webauthn: "possession",
}

// webauthn is not registered, but what operators of Keycloak write for passkeys, besides hwk.
const webauthn = "webauthn"

// assess says what a sign-in proves at least: what the operator declared of its class, or what the methods that were used
// add up to. What is not known counts for one factor. A recovery proves no more than that either: it was made
// without the factors of the account.
func assess(known map[string]upstream.Assurance, who upstream.Principal, recovery bool) upstream.Assurance {
	a := upstream.Assurance{AAL: upstream.AAL1}
	if recovery {
		return a
	}
	declared := known[who.ACR]
	a.AAL = max(a.AAL, declared.AAL, levelOf(who.AMR))
	a.PhishingResistant = declared.PhishingResistant || slices.Contains(who.AMR, "hwk") || slices.Contains(who.AMR, webauthn)
	return a
}

// levelOf is level 2 for two kinds of factors, one of them held in the hand (SP 800-63B-4 section 2.2.1). Level 3 is
// nothing that amr can tell.
func levelOf(amr []string) upstream.AAL {
	kinds := map[string]bool{}
	for _, method := range amr {
		kinds[factors[method]] = true
	}
	if slices.Contains(amr, "mfa") || kinds["possession"] && (kinds["knowledge"] || kinds["inherence"]) {
		return upstream.AAL2
	}
	return upstream.AAL1
}

// classes are those that reach need, the weakest first: nobody is asked for more than is needed.
func classes(known map[string]upstream.Assurance, need upstream.Assurance) []string {
	good := slices.DeleteFunc(slices.Collect(maps.Keys(known)), func(acr string) bool { return !known[acr].Reaches(need) })
	slices.SortFunc(good, func(a, b string) int { return cmp.Or(cmp.Compare(known[a].AAL, known[b].AAL), cmp.Compare(a, b)) })
	return good
}
