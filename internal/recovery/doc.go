// Package recovery owns the life of one account recovery, from the question to the identity provider's own session.
//
// A recovery is one record that moves through the states of states.go. Each move is one storage transaction, which
// also writes its journal entry and its messages; no transaction is open while the identity provider is asked. What
// nobody has proved yet is not stored at all: it travels sealed, in the recovery_id.
//
//	admit {burn} → verify → ask the IdP → decide {grant · journal · notice} → redeem {token · journal} → steps → done | abandoned
//
// Whoever does a step holds a lease on the record (lease.go), which is a time in the record changed by
// compare-and-swap; there is no other lock. A process that dies leaves a lease that runs out and a timer that is due,
// and any other process goes on from there (sweep.go).
//
// The package implements the small interfaces that the authorization servers declare: [grant.Recoveries] by
// [Service.Grants] and [broker.Logins] by [Service.Logins].
package recovery
