// Package small is what defects are planted into by the tests.
package small

// Limit is n, and most where n is above it.
func Limit(n, most int) int {
	if n > most {
		n = most // never above
	}
	return n
}

// Less takes the second from the first.
func Less(from, what int) int { return minus(from, what) }

func minus(from, what int) int {
	return from - what
}

// Both says whether both are so.
func Both(one, other bool) bool {
	return one && other
}

// Sum adds up.
func Sum(numbers []int32) int32 {
	var total int32
	for _, number := range numbers {
		total += number
	}
	return total
}

// Tried hands an error on.
func Tried(err error) (int64, error) {
	if err != nil {
		return -1, err
	}
	return 1, nil
}

// Again hands an error on as well.
func Again(err error) error { return same(err) }

func same(err error) error { return err }

// Kind says what a number is.
func Kind(number int) string {
	switch {
	case number < 0:
		return "below"
	case number == 0:
		return "nought"
	}
	kind := "above"
	return kind
}
