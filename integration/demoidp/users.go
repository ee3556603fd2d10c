package main

import (
	"sync"

	"golang.org/x/crypto/bcrypt"
)

// user is an account. Its id is also the subject by which the broker names it: a standing link, made when
// the account was, since this provider has no interface by which a gateway could make one.
type user struct{ id, name, email string }

// demoUsers are the accounts that every provider of this kind has.
var demoUsers = []string{"alice", "bob"}

// newUser is the account of that name. It starts with the password NAME-password.
func newUser(name string) user { return user{name + "-0001", name, name + "@demo.example"} }

// minPassword is in characters. NIST SP 800-63B-4 wants 15 where the password is the only factor, which a demo is not about.
const minPassword = 8

// users is every account with the hash of its password. Safe for concurrent use.
type users struct {
	mu     sync.Mutex
	hashes map[user][]byte
	decoy  []byte // compared for names that do not exist, which takes as long
}

func newUsers(names []string) (*users, error) {
	us := &users{hashes: map[user][]byte{}}
	for _, name := range append(names, demoUsers...) {
		hash, err := bcrypt.GenerateFromPassword([]byte(name+"-password"), bcrypt.MinCost)
		if err != nil {
			return nil, err
		}
		us.hashes[newUser(name)], us.decoy = hash, hash
	}
	return us, nil
}

// find returns the user with that id, name or address.
func (us *users) find(name string) (user, bool) {
	us.mu.Lock()
	defer us.mu.Unlock()
	for u := range us.hashes {
		if name == u.id || name == u.name || name == u.email {
			return u, true
		}
	}
	return user{}, false
}

// signIn returns the user if the password is right.
func (us *users) signIn(name, password string) (user, bool) {
	u, found := us.find(name)
	us.mu.Lock()
	hash := us.hashes[u]
	us.mu.Unlock()
	if !found {
		hash = us.decoy
	}
	right := bcrypt.CompareHashAndPassword(hash, []byte(password)) == nil
	return u, found && right
}

// setPassword reports whether the password is one that may be set.
func (us *users) setPassword(u user, password string) bool {
	if len([]rune(password)) < minPassword {
		return false
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil { // longer than bcrypt's 72 bytes
		return false
	}
	us.mu.Lock()
	defer us.mu.Unlock()
	us.hashes[u] = hash
	return true
}
