// Package badger keeps state in a directory of this machine, on Badger.
//
// Transactions run on Badger's snapshots, but one goroutine commits: it takes
// all updates that wait, checks for each that nothing it read has changed since,
// and writes those for which that holds as one Badger transaction. So concurrent
// updates share the flush to disk, which Badger's own commit (v4.9.6, SyncWrites)
// does once for each transaction. Whatever can be read is durable.
//
// Values stay in Badger's tree. Badger's value log would serve larger ones, but
// an error while that log is flushed is only logged there, not returned.
package badger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	dgbadger "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"github.com/regrant/regrant/storage"
)

// maxAttempts bounds the runs of one update that keeps meeting others. With the
// pauses between them that is about a second.
const maxAttempts = 32

// DefaultReserve is what a [Config] without one keeps free, in bytes.
const DefaultReserve = 256 << 20

// MinReserve is what a reserve should have at least, in bytes: Badger may have two
// memory tables and four tables of that size to rewrite when writing stops.
const MinReserve = 128 << 20

// Config says where and how a [DB] lives.
type Config struct {
	// Dir holds the store and nothing else. It is made if it is missing, and its
	// mode becomes 0700.
	Dir string
	// Reserve is the free space, in bytes, below which nothing is written. Badger
	// maps its log into memory and dies with SIGBUS on a full disk, and would take
	// the whole process with it. Badger goes on rewriting what is stored, for which
	// less than [MinReserve] may not be enough. Default: 256 MiB.
	Reserve uint64
	// Key encrypts everything that is written to Dir, with AES in counter mode: it
	// keeps content from whoever reads the disk, and tells nobody that it was
	// altered. [KeySize] bytes. Default: nothing is encrypted.
	Key []byte
	// PreviousKey opens a store that Key does not open, and is then replaced by Key.
	// Default: none.
	PreviousKey []byte
	// Clock judges expiry. Default: time.Now.
	Clock func() time.Time
	// Logger gets what Badger says at warning and above. Default: nobody.
	Logger *slog.Logger
	// FreeSpace tells the free space, in bytes, for the file system of dir. Default:
	// ask the system.
	FreeSpace func(dir string) (uint64, error)
}

// DB is a [storage.DB] in one directory.
type DB struct {
	db    *dgbadger.DB
	clock *clock
	log   *slog.Logger

	commits chan *commit // to the committer
	// flush commits durably. Tests slow it down.
	flush func(*dgbadger.Txn) error
	// failed is why nothing more is written: after an error of the disk, the system
	// forgets what it could not write, and a later flush would succeed without it.
	// It belongs to the committer.
	failed error

	stop    context.CancelFunc // ends sweeper and committer
	workers sync.WaitGroup     // sweeper and committer

	mu     sync.Mutex
	closed bool
	calls  sync.WaitGroup // View and Update; grows only while not closed
	once   sync.Once
}

// Open opens the store in c.Dir. It gives [storage.ErrLocked] while another
// process has it open, [storage.ErrFull] if opening itself could fill the disk,
// and [ErrKey], [ErrPlain] or [ErrEncrypted] if c.Key does not fit; none of them
// changes the store. The caller must Close the DB.
func Open(c Config) (*DB, error) {
	c = c.withDefaults()
	if err := prepareDir(c.Dir); err != nil {
		return nil, fmt.Errorf("preparing directory %s: %w", c.Dir, err)
	}
	disk := &disk{dir: c.Dir, reserve: c.Reserve, free: c.FreeSpace, log: c.Logger}
	if err := disk.mayOpen(); err != nil {
		return nil, err
	}
	db, err := openDir(c, disk)
	if err != nil && heldElsewhere(c.Dir) {
		return nil, fmt.Errorf("opening directory %s: %w", c.Dir, storage.ErrLocked)
	}
	if err != nil {
		return nil, fmt.Errorf("opening directory %s: %w", c.Dir, err)
	}
	return db, nil
}

// OpenInMemory opens a DB that keeps nothing, for tests. A nil clock is time.Now.
func OpenInMemory(clock func() time.Time) (*DB, error) {
	return open(Config{Clock: clock}.withDefaults(), dgbadger.DefaultOptions("").WithInMemory(true), nil)
}

func (c Config) withDefaults() Config {
	if c.Reserve == 0 {
		c.Reserve = DefaultReserve
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.FreeSpace == nil {
		c.FreeSpace = freeSpace
	}
	return c
}

func openDir(c Config, disk *disk) (*DB, error) {
	if err := dropEmptyLogs(c.Dir); err != nil {
		return nil, err
	}
	if err := unlock(c); err != nil {
		return nil, err
	}
	return open(c, onDisk(c), disk)
}

func onDisk(c Config) dgbadger.Options {
	o := dgbadger.DefaultOptions(c.Dir).WithSyncWrites(true)
	if len(c.Key) != 0 {
		// Without the cache, an index is decrypted again at each reading.
		o = o.WithEncryptionKey(c.Key).WithIndexCacheSize(16 << 20)
	}
	return o
}

func open(c Config, o dgbadger.Options, disk *disk) (*DB, error) {
	o = o.WithLogger(logger{c.Logger}).
		WithMetricsEnabled(false).
		// The committer is the only writer and has checked for conflicts itself.
		WithDetectConflicts(false).
		WithChecksumVerificationMode(options.OnBlockRead).
		// Small state: less memory, and less to write again after a crash.
		WithMemTableSize(16 << 20).
		WithValueLogFileSize(16 << 20).
		WithBlockCacheSize(32 << 20).
		WithNumCompactors(2).
		// What is rewritten at a time needs its space twice, out of the reserve. With
		// Badger's own bounds that was 83 MiB at most when measured, with these 28 MiB.
		WithNumMemtables(2).
		WithNumLevelZeroTables(2).
		WithNumLevelZeroTablesStall(4)
	bdb, err := dgbadger.Open(o)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	d := &DB{
		db: bdb, clock: &clock{ask: c.Clock, log: c.Logger}, log: c.Logger,
		commits: make(chan *commit, 256), flush: (*dgbadger.Txn).Commit, stop: stop,
	}
	d.workers.Go(func() { d.commitLoop(ctx, disk) })
	d.workers.Go(func() { d.maintain(ctx, sweepInterval) })
	return d, nil
}

// Close waits for the calls in flight and releases the directory.
func (d *DB) Close() error {
	var err error
	d.once.Do(func() {
		d.mu.Lock()
		d.closed = true
		d.mu.Unlock()
		d.calls.Wait()
		d.stop()
		d.workers.Wait()
		err = d.db.Close()
	})
	return err
}

// enter admits a call until leave, or tells that the DB is closed. Badger panics
// when it is used after Close, so no call may still run then. A lock for reading
// would not do: a View within an Update would wait for a Close that waits for it.
func (d *DB) enter(ctx context.Context) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, storage.ErrClosed
	}
	d.calls.Add(1)
	return d.calls.Done, nil
}

// View implements [storage.DB].
func (d *DB) View(ctx context.Context, fn func(storage.Reader) error) error {
	leave, err := d.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	tx, err := d.begin(ctx, false)
	if err != nil {
		return err
	}
	defer tx.end()
	return fn(tx)
}

// Update implements [storage.DB]. A context that ends while the result waits to be
// written withdraws it; once it is being written, the outcome is always told.
func (d *DB) Update(ctx context.Context, fn func(storage.Tx) error) error {
	leave, err := d.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	for attempt := range maxAttempts {
		if err := pause(ctx, attempt); err != nil {
			return err
		}
		if err := d.attempt(ctx, fn); !errors.Is(err, errStale) {
			return err
		}
	}
	return storage.ErrConflict
}

// attempt runs fn once and commits. It gives errStale if something that fn
// named has changed meanwhile.
func (d *DB) attempt(ctx context.Context, fn func(storage.Tx) error) error {
	tx, err := d.begin(ctx, true)
	if err != nil {
		return err
	}
	defer tx.end()
	if err := fn(tx); err != nil {
		return err
	}
	if tx.broken != nil {
		return tx.broken
	}
	if len(tx.writes) == 0 {
		return nil // it saw one snapshot and changes nothing
	}
	return d.commit(ctx, &commit{reads: tx.reads, writes: tx.writes, size: tx.size, done: make(chan error, 1)})
}

// pause waits before another attempt, longer each time up to 32 ms, and a random
// part of it so that those who met do not meet again.
func pause(ctx context.Context, attempt int) error {
	if attempt == 0 {
		return nil
	}
	bound := time.Millisecond << min(attempt, 5)
	t := time.NewTimer(rand.N(bound)) //nolint:gosec // spreads load, protects nothing
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

var _ storage.DB = (*DB)(nil)
