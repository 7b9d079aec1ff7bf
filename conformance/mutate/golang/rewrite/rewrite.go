// Rewrite plants defects into Go source files, each behind a switch, and lists them.
//
//	rewrite OUT FIRST FILE...
//
// It writes every FILE anew into the folder OUT, under the same base name, with all defects in it, numbered from FIRST on, and prints the
// list as JSON. What it inserts calls the functions of ../planted/planted.go, which belong into the same package. Text is inserted
// and nothing is printed anew: comments and line numbers stay as they were, so that a panic names a line of the original.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// Mutant is one defect. ID holds for as long as the code it changes: function, operator, and a digest of the code.
type Mutant struct {
	Number   int    `json:"number"`
	ID       string `json:"id"`
	File     string `json:"file"`
	Line     int    `json:"line"`
	Function string `json:"function"`
	Operator string `json:"operator"`
	Before   string `json:"before"`
	After    string `json:"after"`
}

// silent are the roots of calls whose loss nobody but a reader of logs and metrics would see.
var silent = map[string]bool{"logger": true, "klog": true, "utilruntime": true, "metrics": true, "fmt": true}

// insertion is text that goes to an offset of the file. Of those at one place the closing ones come first, the innermost first.
type insertion struct {
	offset, order int
	closing       bool
	text          string
}

type rewriter struct {
	set        *token.FileSet
	source     []byte
	name       string
	parameters map[string][]string // the types of the parameters of the package's functions, by name; empty where a name is not unique
	next       int
	seen       map[string]int
	function   string
	handled    map[ast.Node]bool
	inserted   []insertion
	mutants    []Mutant
}

func main() {
	if len(os.Args) < 4 {
		fail(fmt.Errorf("usage: rewrite OUT FIRST FILE..."))
	}
	first, err := strconv.Atoi(os.Args[2])
	fail(err)
	all := []Mutant{}
	set := token.NewFileSet()
	files := []*ast.File{}
	for _, name := range os.Args[3:] {
		file, err := parser.ParseFile(set, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		fail(err)
		files = append(files, file)
	}
	parameters := signatures(files)
	seen := map[string]int{}
	for at, name := range os.Args[3:] {
		source, err := os.ReadFile(name)
		fail(err)
		r := &rewriter{set: set, source: source, name: name, parameters: parameters, next: first + len(all), seen: seen, handled: map[ast.Node]bool{}}
		for _, declaration := range files[at].Decls {
			if function, ok := declaration.(*ast.FuncDecl); ok && function.Body != nil {
				r.function = nameOf(function)
				r.walk(function.Body, function.Type)
			}
		}
		fail(os.WriteFile(filepath.Join(os.Args[1], filepath.Base(name)), r.written(), 0o644))
		all = append(all, r.mutants...)
	}
	fail(json.NewEncoder(os.Stdout).Encode(all))
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func signatures(files []*ast.File) map[string][]string {
	found := map[string][]string{}
	for _, file := range files {
		for _, declaration := range file.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok || function.Type.TypeParams != nil {
				continue
			}
			types := []string{}
			for _, field := range function.Type.Params.List {
				for range max(1, len(field.Names)) {
					types = append(types, typeText(field.Type))
				}
			}
			if _, twice := found[function.Name.Name]; twice {
				types = nil
			}
			found[function.Name.Name] = types
		}
	}
	return found
}

// typeText tells types apart that parameters of this code have; those that it does not know are never alike.
func typeText(expression ast.Expr) string {
	switch typed := expression.(type) {
	case *ast.Ident:
		return typed.Name
	case *ast.SelectorExpr:
		return typeText(typed.X) + "." + typed.Sel.Name
	case *ast.StarExpr:
		return "*" + typeText(typed.X)
	case *ast.ArrayType:
		if typed.Len == nil {
			return "[]" + typeText(typed.Elt)
		}
	}
	return fmt.Sprintf("unknown at %d", expression.Pos())
}

func nameOf(function *ast.FuncDecl) string {
	if function.Recv == nil || len(function.Recv.List) == 0 {
		return function.Name.Name
	}
	receiver := function.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	if ident, ok := receiver.(*ast.Ident); ok {
		return ident.Name + "." + function.Name.Name
	}
	return function.Name.Name
}

// walk plants defects into a body; outer nodes come before inner ones, on which the order of insertions relies.
func (r *rewriter) walk(body ast.Node, signature *ast.FuncType) {
	ast.Inspect(body, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.FuncLit:
			r.walk(node.Body, node.Type)
			return false
		case *ast.GenDecl:
			return node.Tok == token.VAR
		case *ast.CallExpr:
			if isSilent(node) {
				return false
			}
			r.swap(node)
		case *ast.BlockStmt:
			r.statements(node.List)
		case *ast.CaseClause:
			r.statements(node.Body)
		case *ast.CommClause:
			r.statements(node.Body)
		case *ast.IfStmt:
			if node.Else == nil && allSilent(node.Body.List) {
				return false
			}
			r.condition(node)
		case *ast.SwitchStmt:
			if node.Tag == nil {
				r.cases(node)
			}
		case *ast.ForStmt:
			r.loop(node, node.Body)
		case *ast.RangeStmt:
			r.loop(node, node.Body)
		case *ast.ReturnStmt:
			r.results(node, signature)
		case *ast.AssignStmt:
			r.assigned(node)
		case *ast.BinaryExpr:
			r.binary(node)
		}
		return true
	})
}

// condition: the branch is taken in the other cases, or never (an early return that was forgotten).
func (r *rewriter) condition(node *ast.IfStmt) {
	text := r.text(node.Cond)
	if isFailure(node.Cond) {
		never := r.add("skip", node.Cond, text, "false, whatever "+text+" says")
		r.wrap(node.Cond, "((", fmt.Sprintf(") && !planted(%d))", never))
		return
	}
	other := r.add("negate", node.Cond, text, "!("+text+")")
	never := r.add("skip", node.Cond, text, "false, whatever "+text+" says")
	r.wrap(node.Cond, "((", fmt.Sprintf(") != planted(%d) && !planted(%d))", other, never))
}

func (r *rewriter) cases(node *ast.SwitchStmt) {
	for _, statement := range node.Body.List {
		for _, expression := range statement.(*ast.CaseClause).List {
			r.negate(expression)
		}
	}
}

func (r *rewriter) negate(expression ast.Expr) {
	text := r.text(expression)
	r.wrap(expression, "((", fmt.Sprintf(") != planted(%d))", r.add("negate", expression, text, "!("+text+")")))
}

// loop: it ends before it begins.
func (r *rewriter) loop(node ast.Node, body *ast.BlockStmt) {
	head := strings.TrimSpace(string(r.source[r.offset(node.Pos()):r.offset(body.Lbrace)]))
	number := r.addText("loop", node, head, "no round of it")
	r.insert(r.offset(body.Lbrace)+1, false, fmt.Sprintf(" if planted(%d) { break };", number))
}

// statements: a call, an assignment or a step that is left out; not the last word of a branch that says nothing else, which condition() has.
func (r *rewriter) statements(list []ast.Stmt) {
	speaking := 0
	for _, statement := range list {
		if !isSilentStatement(statement) {
			speaking++
		}
	}
	for _, statement := range list {
		switch typed := statement.(type) {
		case *ast.ExprStmt:
			if isSilentStatement(statement) {
				continue
			}
		case *ast.AssignStmt:
			if typed.Tok == token.DEFINE {
				continue
			}
		case *ast.IncDecStmt, *ast.SendStmt:
		case *ast.BranchStmt:
			if speaking < 2 || typed.Label != nil || typed.Tok == token.FALLTHROUGH || typed.Tok == token.GOTO {
				continue
			}
		default:
			continue
		}
		number := r.add("drop", statement, r.text(statement), "left out")
		r.wrap(statement, fmt.Sprintf("if !planted(%d) { ", number), " }")
	}
}

// results: the other truth, one more, or no error.
func (r *rewriter) results(node *ast.ReturnStmt, signature *ast.FuncType) {
	types := []string{}
	if signature.Results != nil {
		for _, field := range signature.Results.List {
			for range max(1, len(field.Names)) {
				types = append(types, typeText(field.Type))
			}
		}
	}
	if len(types) != len(node.Results) {
		return
	}
	for at, result := range node.Results {
		text := r.text(result)
		switch types[at] {
		case "bool":
			if call, ok := result.(*ast.CallExpr); !ok || !isSilent(call) {
				r.negate(result)
			}
		case "int", "int32", "int64":
			if lit, ok := result.(*ast.UnaryExpr); ok && lit.Op == token.SUB {
				continue // what stands beside an error
			}
			number := r.add("plus", result, text, text+" + 1")
			r.handled[result] = true
			r.wrap(result, fmt.Sprintf("plantedPlus[%s](%d, ", types[at], number), ", 1)")
		case "error":
			if _, isName := result.(*ast.Ident); isName || len(types) > 1 {
				continue // nil, or what a condition has just found
			}
			if call, ok := result.(*ast.CallExpr); ok && isSilent(call) {
				continue
			}
			number := r.add("swallow", result, text, text+", and its error forgotten")
			r.wrap(result, fmt.Sprintf("plantedSwallow(%d, ", number), ")")
		}
	}
}

// assigned: another number, or the other truth, where a variable gets one.
func (r *rewriter) assigned(node *ast.AssignStmt) {
	if len(node.Lhs) != 1 || len(node.Rhs) != 1 || (node.Tok != token.ASSIGN && node.Tok != token.DEFINE) {
		return
	}
	value := node.Rhs[0]
	text := r.text(value)
	if lit, ok := value.(*ast.BasicLit); ok && lit.Kind == token.INT {
		number := r.add("plus", value, r.text(node), text+" + 1")
		if node.Tok == token.DEFINE {
			r.wrap(value, fmt.Sprintf("plantedPlus(%d, ", number), ", 1)")
		} else {
			r.wrap(value, fmt.Sprintf("plantedLike(%d, %s, ", number, r.text(node.Lhs[0])), ", 1)")
		}
		return
	}
	if isTruth(value) {
		r.negate(value)
	}
}

func (r *rewriter) binary(node *ast.BinaryExpr) {
	switch node.Op {
	case token.LAND, token.LOR:
		if !r.handled[node] {
			r.operands(node)
		}
	case token.LSS, token.LEQ, token.GTR, token.GEQ:
		r.boundary(node)
	case token.ADD, token.SUB:
		if r.handled[node] || !r.isNumber(node) {
			return
		}
		r.settle(node)
		text := r.text(node)
		r.wrap(node, fmt.Sprintf("plantedPlus(%d, ", r.add("plus", node, text, text+" + 1")), ", 1)")
	}
}

// operands: one of them is not asked.
func (r *rewriter) operands(node *ast.BinaryExpr) {
	list := []ast.Expr{}
	var flatten func(ast.Expr)
	flatten = func(expression ast.Expr) {
		if inner, ok := expression.(*ast.BinaryExpr); ok && inner.Op == node.Op {
			r.handled[inner] = true
			flatten(inner.X)
			flatten(inner.Y)
			return
		}
		list = append(list, expression)
	}
	flatten(node)
	for _, operand := range list {
		text := r.text(operand)
		number := r.add("operand", operand, text+" in "+r.text(node), "not asked")
		if node.Op == token.LAND {
			r.wrap(operand, "((", fmt.Sprintf(") || planted(%d))", number))
		} else {
			r.wrap(operand, "((", fmt.Sprintf(") && !planted(%d))", number))
		}
	}
}

// boundary: the limit itself falls on the other side.
func (r *rewriter) boundary(node *ast.BinaryExpr) {
	other := map[token.Token]token.Token{token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR}[node.Op]
	side, step := node.Y, 1
	if node.Op == token.LEQ || node.Op == token.GTR {
		step = -1
	}
	if _, constant := side.(*ast.BasicLit); constant {
		side, step = node.X, -step
	}
	if _, constant := side.(*ast.BasicLit); constant || strings.HasSuffix(r.text(side), ".Name") {
		return
	}
	number := r.add("boundary", node, r.text(node), fmt.Sprintf("%s %s %s", r.text(node.X), other, r.text(node.Y)))
	r.wrap(side, fmt.Sprintf("plantedPlus(%d, ", number), fmt.Sprintf(", %d)", step))
}

// swap: two arguments of one type change places.
func (r *rewriter) swap(node *ast.CallExpr) {
	name := ""
	switch callee := node.Fun.(type) {
	case *ast.Ident:
		name = callee.Name
	case *ast.SelectorExpr:
		name = callee.Sel.Name
	}
	types := r.parameters[name]
	if len(types) != len(node.Args) || node.Ellipsis.IsValid() {
		return
	}
	for at := 0; at+1 < len(node.Args); at++ {
		one, two := r.text(node.Args[at]), r.text(node.Args[at+1])
		if types[at] != types[at+1] || !isPlain(node.Args[at]) || !isPlain(node.Args[at+1]) || one == two || r.handled[node.Args[at]] {
			continue
		}
		r.handled[node.Args[at+1]] = true // of three the first two
		number := r.add("swap", node.Args[at], one+", "+two+" of "+name, two+", "+one)
		r.wrap(node.Args[at], fmt.Sprintf("plantedOther(%d, ", number), ", "+two+")")
		r.wrap(node.Args[at+1], fmt.Sprintf("plantedOther(%d, ", number), ", "+one+")")
	}
}

// isFailure says whether a condition asks for an error, so that its opposite would be no defect that anybody makes.
func isFailure(condition ast.Expr) bool {
	asked, ok := condition.(*ast.BinaryExpr)
	if !ok || asked.Op != token.NEQ {
		return false
	}
	name, ok := asked.X.(*ast.Ident)
	nothing, isName := asked.Y.(*ast.Ident)
	return ok && isName && nothing.Name == "nil" && strings.HasSuffix(strings.ToLower(name.Name), "err")
}

func isTruth(expression ast.Expr) bool {
	switch typed := expression.(type) {
	case *ast.BinaryExpr:
		switch typed.Op {
		case token.LAND, token.LOR, token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ:
			return true
		}
	case *ast.UnaryExpr:
		return typed.Op == token.NOT
	case *ast.ParenExpr:
		return isTruth(typed.X)
	case *ast.Ident:
		return typed.Name == "true" || typed.Name == "false"
	}
	return false
}

// isNumber: sums of texts and of times are none.
func (r *rewriter) isNumber(node *ast.BinaryExpr) bool {
	number := true
	ast.Inspect(node, func(inner ast.Node) bool {
		switch typed := inner.(type) {
		case *ast.BasicLit:
			number = number && typed.Kind == token.INT
		case *ast.SelectorExpr:
			root, ok := typed.X.(*ast.Ident)
			number = number && !(ok && root.Name == "time") && typed.Sel.Name != "Name"
		}
		return true
	})
	return number
}

func (r *rewriter) settle(node *ast.BinaryExpr) {
	ast.Inspect(node, func(inner ast.Node) bool {
		if binary, ok := inner.(*ast.BinaryExpr); ok {
			r.handled[binary] = true
		}
		return true
	})
}

// isPlain: asking twice does nothing twice.
func isPlain(expression ast.Expr) bool {
	switch typed := expression.(type) {
	case *ast.Ident:
		return typed.Name != "nil" && typed.Name != "true" && typed.Name != "false" && typed.Name != "_"
	case *ast.SelectorExpr:
		return isPlain(typed.X)
	}
	return false
}

func isSilent(call *ast.CallExpr) bool {
	var expression ast.Expr = call
	for {
		switch typed := expression.(type) {
		case *ast.CallExpr:
			expression = typed.Fun
		case *ast.SelectorExpr:
			expression = typed.X
		case *ast.Ident:
			return silent[typed.Name]
		default:
			return false
		}
	}
}

func isSilentStatement(statement ast.Stmt) bool {
	expression, ok := statement.(*ast.ExprStmt)
	if !ok {
		return false
	}
	call, ok := expression.X.(*ast.CallExpr)
	return ok && isSilent(call)
}

func allSilent(list []ast.Stmt) bool {
	for _, statement := range list {
		if !isSilentStatement(statement) {
			return false
		}
	}
	return true
}

func (r *rewriter) add(operator string, node ast.Node, before, after string) int {
	return r.addText(operator, node, before, after)
}

func (r *rewriter) addText(operator string, node ast.Node, before, after string) int {
	digest := sha256.Sum256([]byte(before))
	id := fmt.Sprintf("%s.%s.%s", r.function, operator, hex.EncodeToString(digest[:])[:6])
	r.seen[id]++
	if times := r.seen[id]; times > 1 {
		id = fmt.Sprintf("%s-%d", id, times)
	}
	number := r.next
	r.next++
	r.mutants = append(r.mutants, Mutant{number, id, filepath.Base(r.name), r.set.Position(node.Pos()).Line, r.function, operator, before, after})
	return number
}

func (r *rewriter) offset(place token.Pos) int { return r.set.Position(place).Offset }

func (r *rewriter) text(node ast.Node) string {
	return strings.Join(strings.Fields(string(r.source[r.offset(node.Pos()):r.offset(node.End())])), " ")
}

func (r *rewriter) wrap(node ast.Node, before, after string) {
	r.insert(r.offset(node.Pos()), false, before)
	r.insert(r.offset(node.End()), true, after)
}

func (r *rewriter) insert(offset int, closing bool, text string) {
	r.inserted = append(r.inserted, insertion{offset, len(r.inserted), closing, text})
}

func (r *rewriter) written() []byte {
	sort.Slice(r.inserted, func(i, j int) bool {
		one, two := r.inserted[i], r.inserted[j]
		switch {
		case one.offset != two.offset:
			return one.offset < two.offset
		case one.closing != two.closing:
			return one.closing
		default:
			return (one.order < two.order) != one.closing
		}
	})
	out, at := []byte{}, 0
	for _, each := range r.inserted {
		out = append(out, r.source[at:each.offset]...)
		out = append(out, each.text...)
		at = each.offset
	}
	return append(out, r.source[at:]...)
}
