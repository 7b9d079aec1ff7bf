// What the planted defects of this package call.
package planted

import (
	"reflect"

	"k8s.io/kubernetes/conformance/defects"
)

func planted(n int) bool { return defects.On(n) }

// plantedPlus is value, and value + step with the defect; of what is no integer there is none.
func plantedPlus[T any](n int, value T, step int) T {
	if number := reflect.ValueOf(&value).Elem(); number.CanInt() && defects.On(n) {
		number.SetInt(number.Int() + int64(step))
	}
	return value
}

// plantedLike is plantedPlus for a constant that has the type of a variable.
func plantedLike[T any](n int, _ T, value T, step int) T { return plantedPlus(n, value, step) }

func plantedOther[T any](n int, one, two T) T {
	if defects.On(n) {
		return two
	}
	return one
}

func plantedSwallow(n int, err error) error {
	if defects.On(n) {
		return nil
	}
	return err
}
