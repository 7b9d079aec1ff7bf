// Command small prints what the functions of package small say.
package main

import (
	"errors"
	"fmt"

	"k8s.io/kubernetes/pkg/small"
)

func main() {
	failed := errors.New("failed")
	_, one := small.Tried(failed)
	number, none := small.Tried(nil)
	fmt.Println(
		small.Limit(6, 5), small.Limit(5, 5), small.Limit(4, 5), small.Less(3, 1), small.Both(true, false), small.Both(false, true),
		small.Both(true, true), small.Sum([]int32{1, 2}), one, number, none, small.Again(failed), small.Kind(-1), small.Kind(0), small.Kind(1),
	)
}
