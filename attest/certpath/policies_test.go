package certpath_test

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/regrant/regrant/attest"
)

var (
	gold      = asn1.ObjectIdentifier{2, 16, 840, 1, 1}
	silver    = asn1.ObjectIdentifier{2, 16, 840, 1, 2}
	anyPolicy = asn1.ObjectIdentifier{2, 5, 29, 32, 0}
)

func sequence(id int, critical bool, fill func(*cryptobyte.Builder)) change {
	var b cryptobyte.Builder
	b.AddASN1(tags.SEQUENCE, fill)
	return extra(pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, id}, Critical: critical, Value: b.BytesOrPanic()})
}

func under(policies ...asn1.ObjectIdentifier) change {
	return sequence(32, false, func(b *cryptobyte.Builder) {
		for _, p := range policies {
			b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(p) })
		}
	})
}

func mapped(issuer, subject asn1.ObjectIdentifier) change {
	return sequence(33, true, func(b *cryptobyte.Builder) {
		b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(issuer)
			b.AddASN1ObjectIdentifier(subject)
		})
	})
}

// limits is a policyConstraints; negative: absent.
func limits(critical bool, requireExplicit, inhibitMapping int64) change {
	return sequence(36, critical, func(b *cryptobyte.Builder) {
		for tag, n := range []int64{requireExplicit, inhibitMapping} {
			if n >= 0 {
				b.AddASN1Int64WithTag(n, tags.Tag(tag).ContextSpecific())
			}
		}
	})
}

func inhibitAny(n int64) change {
	var b cryptobyte.Builder
	b.AddASN1Int64(n)
	return extra(pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 54}, Critical: true, Value: b.BytesOrPanic()})
}

// RFC 5280 sections 6.1.2 to 6.1.5 for the initial policy set any-policy.
func TestPoliciesHoldWhereTheyAreRequired(t *testing.T) {
	explicit := limits(true, 0, -1)
	for _, tt := range []struct {
		name   string
		leaf   change
		cas    []change
		reason attest.Reason // "": valid
	}{
		{"none and none required", nil, []change{nil}, ""},
		{"none and one required", nil, []change{explicit}, attest.ReasonUntrusted},
		{"one from top to bottom", under(gold), []change{all(explicit, under(gold))}, ""},
		{"lost on the way", nil, []change{all(explicit, under(gold))}, attest.ReasonUntrusted},
		{"lost in the middle", under(gold), []change{all(explicit, under(gold)), nil}, attest.ReasonUntrusted},
		{"another one", under(silver), []change{all(explicit, under(gold))}, attest.ReasonUntrusted},
		{"any above", under(gold), []change{all(explicit, under(anyPolicy))}, ""},
		{"any below", under(anyPolicy), []change{all(explicit, under(gold))}, ""},
		{"any below, inhibited", under(anyPolicy), []change{all(explicit, under(gold), inhibitAny(0))}, attest.ReasonUntrusted},
		{"any above, inhibited for later", under(gold), []change{all(explicit, under(anyPolicy), inhibitAny(0))}, ""},
		{"required only below two more", nil, []change{limits(true, 2, -1)}, ""},
		{"required after two, and there are", nil, []change{limits(true, 1, -1), nil}, attest.ReasonUntrusted},
		{"required by the leaf alone", limits(true, 0, -1), []change{nil}, attest.ReasonUntrusted},
		{"mapped", under(silver), []change{all(explicit, under(gold), mapped(gold, silver))}, ""},
		{"mapped away", under(gold), []change{all(explicit, under(gold), mapped(gold, silver))}, attest.ReasonUntrusted},
		{"mapping inhibited", under(silver), []change{all(limits(true, 0, 0), under(gold)), all(under(gold), mapped(gold, silver))}, attest.ReasonUntrusted},
		{"mapped from any", under(silver), []change{all(explicit, under(anyPolicy), mapped(gold, silver))}, ""},
		{"any policy mapped", under(gold), []change{all(under(gold), mapped(anyPolicy, gold))}, attest.ReasonUntrusted},
		{"mapped to any policy", under(gold), []change{all(under(gold), mapped(gold, anyPolicy))}, attest.ReasonUntrusted},
		{"constraints not critical", under(gold), []change{all(limits(false, 0, -1), under(gold))}, attest.ReasonMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			grow(t, nil, tt.leaf, tt.cas...).mustJudge(t, tt.reason)
		})
	}
}

func TestAnchorMayRequireAPolicy(t *testing.T) {
	grow(t, limits(true, 0, -1), nil).mustRefuse(t, attest.ReasonUntrusted)
	grow(t, limits(true, 0, -1), under(gold)).mustFind(t)
}

func TestQualifierOfAnUnknownKindIsRefusedWhereCritical(t *testing.T) {
	qualified := func(critical bool) change {
		return sequence(32, critical, func(b *cryptobyte.Builder) {
			b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(gold)
				b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1ObjectIdentifier(silver)
						b.AddASN1NULL()
					})
				})
			})
		})
	}
	grow(t, nil, qualified(false)).mustFind(t)
	grow(t, nil, qualified(true)).mustRefuse(t, attest.ReasonMalformed)
}

// Each certificate doubles the mappings; the work must not.
func TestManyMappingsAreJudgedInTime(t *testing.T) {
	var cas []change
	for range 4 {
		cas = append(cas, all(under(gold, silver), sequence(33, true, func(b *cryptobyte.Builder) {
			for _, pair := range [][2]asn1.ObjectIdentifier{{gold, gold}, {gold, silver}, {silver, gold}, {silver, silver}} {
				b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(pair[0])
					b.AddASN1ObjectIdentifier(pair[1])
				})
			}
		})))
	}
	grow(t, limits(true, 0, -1), under(gold), cas...).mustFind(t)
}
