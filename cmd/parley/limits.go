package main

import (
	"log/slog"

	"github.com/parley-server/parley/door"
	"github.com/parley-server/parley/limit"
)

// limitFlags are the limits for clients. dev has none.
type limitFlags struct {
	RateUser              float64  `default:"50" placeholder:"N" group:"Limits" help:"${help_limit_rate_user}"`
	RateIP                float64  `name:"rate-ip" default:"500" placeholder:"N" group:"Limits" help:"${help_limit_rate_ip}"`
	RateChannel           float64  `default:"0" placeholder:"N" group:"Limits" help:"Messages per second in one channel from all users."`
	RateReadsUser         float64  `name:"rate-reads-user" default:"500" placeholder:"N" group:"Limits" help:"${help_limit_rate_reads_user}"`
	RateReadsIP           float64  `name:"rate-reads-ip" default:"5000" placeholder:"N" group:"Limits" help:"The same for one address."`
	ChannelsPerUser       int      `name:"channels-per-user" default:"1000" placeholder:"N" group:"Limits" help:"${help_channels_user}"`
	RateHandshakes        float64  `default:"200" placeholder:"N" group:"Limits" help:"${help_limit_rate_handshakes}"`
	MaxConnectionsPerIP   int      `name:"max-connections-per-ip" default:"2000" placeholder:"N" group:"Limits" help:"${help_connections_ip}"`
	MaxConnectionsPerUser int      `default:"200" placeholder:"N" group:"Limits" help:"Most streams and held polls of one user."`
	MaxSubscriptionsUser  int      `name:"max-subscriptions-per-user" default:"20000" placeholder:"N" group:"Limits" help:"${help_follows}"`
	TrustedProxies        []string `placeholder:"CIDR" group:"Limits" help:"Proxies whose X-Forwarded-For is believed."`
	ProxyProtocol         bool     `group:"Limits" help:"The trusted proxies begin each connection with a PROXY header (versions 1 and 2)."`
}

func (f *limitFlags) check() error {
	if err := notNegative(amount{"rate-user", f.RateUser}, amount{"rate-ip", f.RateIP}, amount{"rate-channel", f.RateChannel},
		amount{"rate-reads-user", f.RateReadsUser}, amount{"rate-reads-ip", f.RateReadsIP}, amount{"channels-per-user",
			float64(f.ChannelsPerUser)},
		amount{"rate-handshakes", f.RateHandshakes}, amount{"max-connections-per-ip", float64(f.MaxConnectionsPerIP)},
		amount{"max-connections-per-user", float64(f.MaxConnectionsPerUser)}, amount{"max-subscriptions-per-user",
			float64(f.MaxSubscriptionsUser)}); err != nil {
		return err
	}
	if f.ProxyProtocol && len(f.TrustedProxies) == 0 {
		return refuse("--proxy-protocol needs --trusted-proxies: nobody else may say where a client is.",
			"Add --trusted-proxies 10.0.0.0/8, or what your proxies' addresses are.")
	}
	_, err := f.proxies()
	return err
}

func (f *limitFlags) proxies() (limit.Proxies, error) {
	proxies, err := limit.ParseProxies(f.TrustedProxies)
	if err != nil {
		return nil, refuse("--trusted-proxies: "+err.Error()+".", "Write addresses or ranges, such as 10.0.0.0/8,fd00::/8.")
	}
	return proxies, nil
}

func (f *limitFlags) limiter(log *slog.Logger) (*door.Limiter, error) {
	proxies, err := f.proxies()
	if err != nil {
		return nil, err
	}
	return door.NewLimiter(door.LimiterConfig{Proxies: proxies, ProxyProtocol: f.ProxyProtocol, Logger: log,
		Config: limit.Config{User: f.RateUser, IP: f.RateIP, Channel: f.RateChannel, Handshakes: f.RateHandshakes,
			UserReads: f.RateReadsUser, IPReads: f.RateReadsIP, Channels: f.ChannelsPerUser, PerIP: f.MaxConnectionsPerIP,
			PerUser: f.MaxConnectionsPerUser,
			Follows: f.MaxSubscriptionsUser}}), nil
}
