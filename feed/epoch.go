package feed

import (
	"context"
	"time"

	"github.com/parley-server/parley"
)

// epochOf is the channel whose bounds say which epoch the store is in: there is one for the
// whole store.
const epochOf parley.ChannelID = "$control"

// retryEvery is the delay between retries.
const retryEvery = 200 * time.Millisecond

// sawEpoch notices that something belongs to another epoch than the hub's. It asks the log,
// because a late envelope names an epoch that has ended.
func (f *Feed) sawEpoch(epoch string) {
	if current := f.hub.Epoch(); epoch == "" || current == "" || epoch == current {
		return
	}
	f.epochChanged()
}

// epochChanged makes followEpochs ask the log for its epoch.
func (f *Feed) epochChanged() {
	select {
	case f.epochs <- struct{}{}:
	default:
	}
}

// followEpochs restarts the hub when the log has begun a new epoch, until ctx ends.
func (f *Feed) followEpochs(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.epochs:
		}
		for {
			bs, err := f.log.Bounds(ctx, epochOf)
			if err == nil {
				f.restart(bs[0].Epoch)
				break
			}
			if !pause(ctx, retryEvery) {
				return nil
			}
		}
	}
}

func (f *Feed) restart(epoch string) {
	if epoch == f.hub.Epoch() {
		return
	}
	f.cfg.Logger.Warn("the store began a new epoch: it may have lost messages; every stream is reset", "epoch", epoch)
	f.cfg.Events.EpochBegun(epoch)
	f.hub.Restart(epoch)
	for _, channel := range f.joins.restart() {
		f.grown(channel)
	}
}

// pause waits, and reports whether ctx has not ended.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
