package main

import (
	"crypto/rand"
	"sync"
	"time"
)

// shelf keeps values for a while under keys that nobody can guess. Safe for concurrent use.
type shelf[T any] struct {
	now func() time.Time
	ttl time.Duration

	mu    sync.Mutex
	items map[string]kept[T]
}

type kept[T any] struct {
	value T
	until time.Time
}

func newShelf[T any](now func() time.Time, ttl time.Duration) *shelf[T] {
	return &shelf[T]{now: now, ttl: ttl, items: map[string]kept[T]{}}
}

// add keeps v and returns its key. What has expired is thrown out.
func (s *shelf[T]) add(v T) string {
	s.remove(func(T) bool { return false })
	key := rand.Text()
	s.set(key, v)
	return key
}

func (s *shelf[T]) set(key string, v T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.items[key] = kept[T]{v, s.now().Add(s.ttl)}
}

func (s *shelf[T]) get(key string) (v T, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live(key)
}

// take is get and removes the value: of several takers one gets it.
func (s *shelf[T]) take(key string) (v T, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok = s.live(key)
	delete(s.items, key)
	return v, ok
}

func (s *shelf[T]) live(key string) (v T, ok bool) {
	k, ok := s.items[key]
	if !ok || !s.now().Before(k.until) {
		return v, false
	}
	return k.value, true
}

// remove throws out what has expired and whatever else matches.
func (s *shelf[T]) remove(matches func(T) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, k := range s.items {
		if !s.now().Before(k.until) || matches(k.value) {
			delete(s.items, key)
		}
	}
}

// all returns what is kept and matches, in no order.
func (s *shelf[T]) all(matches func(T) bool) []T {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []T{}
	for key := range s.items {
		if v, ok := s.live(key); ok && matches(v) {
			found = append(found, v)
		}
	}
	return found
}
