package enrolment

import (
	"slices"

	"github.com/regrant/regrant/attest"
)

// Advice is what the owner should do next. What is enough is for policy to say; it is asked of the methods of what is usable or on probation.
type Advice struct {
	Kind     AdviceKind
	Add      []attest.Method // any one of them mends it, and can be added here; empty: no single one does
	Later    bool            // what is bound is enough, but not before a probation ends
	FewCodes bool            // time for new ones (SP 800-63B-4 section 4.2.1.1)
}

// AdviceKind says how far the account is from being safe from a loss.
type AdviceKind string

// The kinds, the worst first.
const (
	AdviceNothing   AdviceKind = "nothing-bound"
	AdviceNotEnough AdviceKind = "not-enough" // all that is bound, together, does not recover
	AdviceOneWay    AdviceKind = "one-way"    // it does, but there is one of them without which the others do not
	AdviceFine      AdviceKind = ""
)

// fewCodes is when it is time for new ones.
const fewCodes = 3

func (s *Service) advise(items []Item) (a Advice) {
	usable := methods(items, StandingUsable)
	coming := slices.Concat(usable, methods(items, StandingProbation))
	a.FewCodes = slices.ContainsFunc(items, runningOut)
	switch enough := s.Policy.Enough; {
	case len(coming) == 0:
		a.Kind, a.Add = AdviceNothing, s.mending(coming, enough)
	case !enough(coming):
		a.Kind, a.Add = AdviceNotEnough, s.mending(coming, enough)
	case !s.survivesLoss(coming):
		a.Kind, a.Add = AdviceOneWay, s.mending(coming, s.survivesLoss)
	}
	a.Later = s.Policy.Enough(coming) && !s.Policy.Enough(usable)
	return a
}

// methods lists the method of each item that stands there, once for each. A set without codes is none.
func methods(items []Item, where Standing) (list []attest.Method) {
	for _, i := range items {
		if i.Standing == where && (i.Method != attest.MethodRecoveryCode || i.CodesLeft > 0) {
			list = append(list, i.Method)
		}
	}
	return list
}

func runningOut(i Item) bool {
	counts := i.Standing == StandingUsable || i.Standing == StandingProbation
	return counts && i.Method == attest.MethodRecoveryCode && i.CodesLeft <= fewCodes
}

// survivesLoss tells whether what is left is enough whichever one is lost.
func (s *Service) survivesLoss(bound []attest.Method) bool {
	for i := range bound {
		if !s.Policy.Enough(slices.Concat(bound[:i], bound[i+1:])) {
			return false
		}
	}
	return true
}

// mending lists the methods that people add here of which one more beside what is bound makes it so.
func (s *Service) mending(bound []attest.Method, so func([]attest.Method) bool) (list []attest.Method) {
	for _, m := range slices.Concat(s.Methods(), s.DeviceMethods()) {
		another := !Replaces(m) || !slices.Contains(bound, m) // there is only ever one of some
		if another && so(append(slices.Clone(bound), m)) {
			list = append(list, m)
		}
	}
	return list
}
