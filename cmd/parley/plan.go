package main

import (
	"fmt"

	"github.com/parley-server/parley/load/plan"
)

type planCmd struct {
	Users    float64 `required:"" placeholder:"N" help:"Connections at the same time."`
	Channels float64 `placeholder:"N" help:"Channels that have readers. Default: a tenth of the users."`
	Rate     float64 `required:"" placeholder:"R" help:"Messages a second, in all channels together."`
	Size     float64 `default:"200" placeholder:"B" help:"Bytes of a message."`
	Cores    float64 `default:"4" placeholder:"N" help:"Cores of a machine that runs a node."`
	Memory   float64 `default:"16" placeholder:"GIB" help:"Its memory, in GiB."`
	Files    float64 `default:"1000000" placeholder:"N" help:"Descriptors that a process may have (ulimit -n)."`
}

func (planCmd) Help() string {
	return "Says how many nodes, cores and bytes a system needs, what its bus and store must do, and which limit is reached first. It is " +
		"arithmetic with what was measured on this build by make bench; docs/scaling.md explains each term."
}

func (c *planCmd) Run(p *program) error {
	if c.Channels == 0 {
		c.Channels = max(1, c.Users/10)
	}
	for _, v := range []float64{c.Users, c.Channels, c.Size, c.Cores, c.Memory} {
		if v <= 0 {
			return refuse("a number is zero or less.", "Give the users, channels, bytes, cores and memory that you have.")
		}
	}
	if c.Rate < 0 || c.Files < 1000 {
		return refuse("a number is out of its range.", "The rate is at least 0, the descriptors at least 1,000.")
	}
	measured := plan.Measured()
	made := plan.Make(measured, plan.Wants{Users: c.Users, Channels: c.Channels, Rate: c.Rate, Size: c.Size, Cores: c.Cores,
		Memory: c.Memory * (1 << 30), Files: c.Files})
	_, err := fmt.Fprintf(p.stdout, "%s\nMeasured %s on %s.\n", made, measured.Date, measured.Machine)
	return err
}
