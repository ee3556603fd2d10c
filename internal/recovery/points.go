package recovery

import (
	"fmt"
	"slices"
)

// calls are what is asked of the identity provider outside the table of steps, by the state in which that is at the latest. "" is what comes before the first
// state: the account that a proof belongs to is asked for.
var calls = map[State]string{
	"":              "State",
	StateSession:    "Session",
	StateFinish:     "Finish",
	StateAbandoning: "Abandon",
}

// Points are the places at which a process may die and every recovery still comes to its end: before and after the commit
// of each move, each step and each call. They are made from the tables, so that what is added there is added here. A
// build with the tag crashpoints dies at one of them, which the tests of integration make use of.
func Points() []string {
	var places []string
	for _, t := range transitions {
		places = append(places, movePoint(t.from, t.to))
	}
	for _, st := range steps {
		places = append(places, stepPoint(st.name))
	}
	for _, verb := range calls {
		places = append(places, callPoint(verb))
	}
	slices.Sort(places)
	points := make([]string, 0, 2*len(places))
	for _, p := range places {
		points = append(points, before(p), after(p))
	}
	return points
}

func movePoint(from, to State) string { return fmt.Sprintf("move %s>%s", from, to) }
func stepPoint(name string) string    { return "step " + name }
func callPoint(verb string) string    { return "call " + verb }

func before(place string) string { return "before " + place }
func after(place string) string  { return "after " + place }
