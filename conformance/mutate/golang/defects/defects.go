// Package defects knows which planted defect is switched on in this process: the one whose number ends the name that the program was
// called by, as in /somewhere/kube-controller-manager-mutant-17. By its own name none is. Called …-mutant-all it has none either, and notes
// which of them it came by.
//
// Where a defect is come by for the first time, its number is written to a file beside the program, NAME.reached.
package defects

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

const (
	sign = "-mutant-"
	most = 1 << 16
)

var (
	one     int
	all     bool
	lock    sync.Mutex
	reached [most]atomic.Bool
)

func init() {
	_, after, named := strings.Cut(os.Args[0][strings.LastIndexByte(os.Args[0], '/')+1:], sign)
	if !named {
		return
	}
	if after == "all" {
		all = true
		return
	}
	number, err := strconv.Atoi(after)
	if err != nil || number < 1 || number >= most {
		panic(fmt.Sprintf("%s: %q is no number of a defect", os.Args[0], after))
	}
	one = number
}

// On says whether defect n is switched on.
func On(n int) bool {
	if n == one || all {
		note(n)
	}
	return n == one
}

func note(n int) {
	if reached[n].Load() {
		return
	}
	lock.Lock()
	defer lock.Unlock()
	if reached[n].Load() {
		return
	}
	file, err := os.OpenFile(os.Args[0]+".reached", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = fmt.Fprintln(file, n)
		file.Close()
	}
	if err != nil {
		panic(fmt.Sprintf("it cannot be noted that defect %d was come by: %v", n, err))
	}
	reached[n].Store(true)
}
