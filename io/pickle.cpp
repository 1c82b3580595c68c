// A machine of the operations of https://docs.python.org/3/library/pickletools.html that torch.save() writes
// in protocols 2 to 5, with a list of the functions that may be named.
#include <xgrad/io/pickle.hpp>

#include <xgrad/io/npy.hpp>
#include <xgrad/tensor/error.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <span>
#include <unordered_map>

namespace xgrad::io::detail {
namespace {

using Kind = PickleValue::Kind;

// The list. Of the first kind are classes of which instances stand for themselves.
enum class Symbol : std::uint32_t {
  ordered_dict,
  counter,
  size,
  device,
  tensor_v2,
  tensor_v3,
  parameter,
  parameter_with_state,
  element_type,
  storage_type,
};

struct Named {
  std::string_view module, name;
  Symbol symbol;
};
constexpr Named known[] = {
    {"collections", "OrderedDict", Symbol::ordered_dict},
    {"collections", "Counter", Symbol::counter},
    {"torch", "Size", Symbol::size},
    {"torch", "device", Symbol::device},
    {"torch._utils", "_rebuild_tensor_v2", Symbol::tensor_v2},
    {"torch._utils", "_rebuild_tensor_v3", Symbol::tensor_v3},
    {"torch._utils", "_rebuild_parameter", Symbol::parameter},
    {"torch._utils", "_rebuild_parameter_with_state", Symbol::parameter_with_state},
};
constexpr std::uint64_t untyped = ~std::uint64_t{0};

// What stands in messages for text of a file.
std::string quoted(std::string_view text) {
  std::string result;
  for (const char c : text.substr(0, 100)) result += c >= ' ' && c <= '~' ? c : '?';
  return result;
}

class Machine {
 public:
  Machine(Pickle& pickle, const PickleHooks& hooks) : pickle_(pickle), text_(pickle.bytes), hooks_(hooks) {}

  void run() {
    while (step()) {
    }
    if (!marks_.empty() || stack_.size() != 1) reject("the pickle must leave one value");
    if (position_ < text_.size()) reject("the pickle goes on behind its end");
    pickle_.root = stack_.front();
  }

 private:
  [[noreturn]] void reject(const std::string& reason) const {
    hooks_.reject(reason, at_);
    throw FormatError(reason, at_);  // should that return
  }

  // ---------------------------------------------------------------------------------------------- bytes
  std::string_view take(std::uint64_t count) {
    if (count > text_.size() - position_) reject("the pickle ends within an operation");
    const std::string_view bytes = text_.substr(position_, static_cast<std::size_t>(count));
    position_ += bytes.size();
    return bytes;
  }
  std::uint64_t number(std::size_t bytes) {
    std::uint64_t value = 0;
    const std::string_view text = take(bytes);
    for (std::size_t i = bytes; i-- > 0;) value = value << 8 | static_cast<unsigned char>(text[i]);
    return value;
  }
  std::string_view line() {
    const std::size_t end = text_.find('\n', position_);
    if (end == text_.npos) reject("the pickle ends within an operation");
    const std::string_view found = text_.substr(position_, end - position_);
    position_ = end + 1;
    return found;
  }

  // ---------------------------------------------------------------------------------------------- stack
  void push(Kind kind, std::uint64_t bits = 0, std::uint32_t length = 0) {
    push(PickleValue{kind, length, bits});
  }
  void push(const PickleValue& value) {
    hooks_.spend(sizeof value);
    stack_.push_back(value);
  }
  void push_text(std::uint64_t length) {
    const std::size_t start = position_;
    if (take(length).size() > std::numeric_limits<std::uint32_t>::max()) reject("a text of 4 GiB or more");
    push(Kind::text, start, static_cast<std::uint32_t>(length));
  }
  // Two's complement, from the least byte on.
  void push_long(std::uint64_t length) {
    const std::string_view bytes = take(length);
    if (length > 8) return push(Kind::huge, at_);
    std::uint64_t value = !bytes.empty() && static_cast<signed char>(bytes.back()) < 0 ? untyped : 0;
    for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
    push(Kind::integer, value);
  }
  void push_container(Kind kind, std::span<const PickleValue> items) {
    hooks_.spend(sizeof(std::vector<PickleValue>) + items.size_bytes());
    pickle_.containers.emplace_back(items.begin(), items.end());
    push(kind, pickle_.containers.size() - 1);
  }
  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  void need(std::size_t count) const {
    if (stack_.size() - floor() < count) reject("the pickle takes a value that is not there");
  }
  PickleValue& top() {
    need(1);
    return stack_.back();
  }
  PickleValue pop() {
    const PickleValue value = top();
    stack_.pop_back();
    return value;
  }
  std::size_t pop_mark() {
    if (marks_.empty()) reject("the pickle takes a mark that is not there");
    const std::size_t mark = marks_.back();
    marks_.pop_back();
    return mark;
  }
  // The newest values become one tuple.
  void tuple(std::size_t from) {
    const std::vector<PickleValue> items(stack_.begin() + static_cast<std::ptrdiff_t>(from), stack_.end());
    stack_.resize(from);
    push_container(Kind::tuple, items);
  }
  // The values from a position on go into the container below them.
  void append(Kind kind, std::size_t from) {
    const auto items = std::span(stack_).subspan(from);
    if (from <= floor() || stack_[from - 1].kind != kind)
      reject(std::string("the pickle puts items where no ") + (kind == Kind::list ? "list" : "dictionary") +
             " is");
    if (kind == Kind::dict && items.size() % 2 != 0) reject("a key of a dictionary has no value");
    auto& container = pickle_.containers[stack_[from - 1].bits];
    hooks_.spend(items.size_bytes());
    container.insert(container.end(), items.begin(), items.end());
    stack_.resize(from);
  }
  const std::vector<PickleValue>& items(const PickleValue& value, const char* what) const {
    if (value.kind != Kind::tuple)
      reject(std::string(what) + " must be a tuple, not " + std::string(name_of(value.kind)));
    return pickle_.containers[value.bits];
  }

  // ---------------------------------------------------------------------------------------------- memo
  void memoize(std::uint64_t index) {
    constexpr std::uint64_t entry = 64;  // with the table's own
    hooks_.spend(entry);
    memo_[index] = top();
  }
  void recall(std::uint64_t index) {
    const auto found = memo_.find(index);
    if (found == memo_.end()) reject("the pickle recalls a value that it has not kept");
    push(found->second);
  }

  // ---------------------------------------------------------------------------------------------- names
  void push_symbol(Symbol symbol, std::uint64_t bits = 0) {
    push(Kind::symbol, bits, static_cast<std::uint32_t>(symbol));
  }
  bool is_symbol(const PickleValue& value, Symbol symbol) const {
    return value.kind == Kind::symbol && value.length == static_cast<std::uint32_t>(symbol);
  }
  void name(std::string_view module, std::string_view name) {
    for (const Named& one : known)
      if (one.module == module && one.name == name) return push_symbol(one.symbol);
    const auto position = [](const ElementType* type) {
      return static_cast<std::uint64_t>(type - element_types().data());
    };
    if (name == "UntypedStorage" && (module == "torch" || module == "torch.storage"))
      return push_symbol(Symbol::storage_type, untyped);
    if (module == "torch") {
      if (const ElementType* const type = find_element_type(&ElementType::pytorch, name))
        return push_symbol(Symbol::storage_type, position(type));
      if (const ElementType* const type =
              find_element_type(&ElementType::name, name == "bool" ? "boolean" : name))
        return push_symbol(Symbol::element_type, position(type));
      if (name.ends_with("Storage"))
        reject("elements of the type torch." + quoted(name) + ", which are not read");
    }
    reject("the file asks for " + quoted(module) + "." + quoted(name) +
           ", which is not among what state dictionaries are made of; it was not called (in Python "
           "torch.save(model.state_dict(), path) saves what can be read, of a checkpoint "
           "torch.save(checkpoint[\"model\"], path))");
  }
  const ElementType* type_of(const PickleValue& symbol) const {
    return symbol.bits == untyped ? nullptr : &element_types()[symbol.bits];
  }

  // ---------------------------------------------------------------------------------------------- tensors
  std::uint64_t count_of(const PickleValue& value, const char* what) const {
    const auto number = static_cast<std::int64_t>(value.bits);
    if (value.kind != Kind::integer || number < 0)
      reject(std::string(what) + " must be a whole number of at least 0");
    return value.bits;
  }

  void persistent() {
    const PickleValue id = pop();
    const std::vector<PickleValue>& parts = items(id, "what stands for a storage");
    if (parts.size() != 5 || parts[0].kind != Kind::text || pickle_.text(parts[0]) != "storage" ||
        !is_symbol(parts[1], Symbol::storage_type) || parts[2].kind != Kind::text)
      reject("the pickle refers to something outside that is no storage");
    hooks_.spend(sizeof(PickledStorage));
    pickle_.storages.push_back(
        {type_of(parts[1]), pickle_.text(parts[2]), count_of(parts[4], "the size of a storage"), at_});
    push(Kind::storage, pickle_.storages.size() - 1);
  }

  void tensor(const std::vector<PickleValue>& parts, bool typed) {
    // storage, offset, shape, strides, requires_grad, hooks, dtype where the storage has none, and metadata
    const std::size_t needed = typed ? 6 : 7;
    if (parts.size() < needed || parts.size() > needed + 1 || parts[0].kind != Kind::storage)
      reject("a tensor is not made of what PyTorch makes them of");
    if (parts.size() > needed && parts[needed].kind != Kind::none &&
        (parts[needed].kind != Kind::dict || !pickle_.containers[parts[needed].bits].empty()))
      reject("a tensor that is to be negated or conjugated when it is read, which is not done");
    PickledView view{};
    view.storage = parts[0].bits;
    const PickledStorage& storage = pickle_.storages[view.storage];
    view.type = typed                                       ? storage.type
                : is_symbol(parts[6], Symbol::element_type) ? type_of(parts[6])
                                                            : nullptr;
    if (view.type == nullptr || typed != (storage.type != nullptr))
      reject("a tensor whose storage is not of its type");
    view.offset = count_of(parts[1], "the offset of a tensor");
    std::vector<std::uint64_t> sizes;
    for (const PickleValue& size : items(parts[2], "the shape of a tensor"))
      sizes.push_back(count_of(size, "the size of an axis"));
    if (!possible_shape(sizes, view.shape))
      reject("a tensor of more than " + std::to_string(Shape::max_rank) +
             " axes, or of more elements than there can be");
    const std::vector<PickleValue>& strides = items(parts[3], "the strides of a tensor");
    if (strides.size() != sizes.size()) reject("a tensor has not as many strides as axes");
    std::uint64_t last = 0;
    bool within = true;
    for (std::size_t axis = 0; axis < sizes.size(); ++axis) {
      const std::uint64_t stride = count_of(strides[axis], "a stride");
      // Of one element no second is looked for: its stride may be any number.
      view.strides.push_back(view.shape[static_cast<Index>(axis)] > 1 ? static_cast<Index>(stride) : 0);
      std::uint64_t way = 0;
      if (sizes[axis] > 1)
        within = !__builtin_mul_overflow(sizes[axis] - 1, stride, &way) &&
                 !__builtin_add_overflow(last, way, &last) && within;
    }
    if (view.shape.count() > 0) {
      const std::uint64_t there = storage.count / (typed ? 1 : view.type->size);
      if (!within || last >= there || view.offset >= there - last)
        reject("a tensor of shape " + to_string(view.shape) + ", strides " + to_string(view.strides) +
               " and offset " + std::to_string(view.offset) + " reaches beyond its storage of " +
               std::to_string(there) + " elements");
      view.span = last + 1;
    }
    hooks_.spend(sizeof view);
    pickle_.views.push_back(view);
    push(Kind::view, pickle_.views.size() - 1);
  }

  // ---------------------------------------------------------------------------------------------- operations
  void reduce() {
    const PickleValue arguments = pop();
    const PickleValue function = pop();
    const std::vector<PickleValue>& parts = items(arguments, "arguments");
    if (function.kind != Kind::symbol)
      reject("the pickle calls " + std::string(name_of(function.kind)) + ", which is no function");
    const auto refuse = [&] {
      reject("a function of the list is called with arguments that it does not take");
    };
    switch (static_cast<Symbol>(function.length)) {
      case Symbol::ordered_dict:
        if (!parts.empty()) refuse();
        return push_container(Kind::dict, {});
      case Symbol::counter:
        if (parts.empty()) return push_container(Kind::dict, {});
        if (parts.size() != 1 || parts[0].kind != Kind::dict) refuse();
        return push(PickleValue(parts[0]));
      case Symbol::size:
        if (parts.size() != 1 || parts[0].kind != Kind::tuple) refuse();
        return push(PickleValue(parts[0]));
      case Symbol::device:
        return push(Kind::other);
      case Symbol::tensor_v2:
        return tensor(parts, true);
      case Symbol::tensor_v3:
        return tensor(parts, false);
      case Symbol::parameter:
      case Symbol::parameter_with_state:
        // data, requires_grad, hooks, and attributes that Python code gave it
        if (parts.size() < 3 || parts.size() > 4 || parts[0].kind != Kind::view) refuse();
        return push(PickleValue(parts[0]));
      case Symbol::element_type:
      case Symbol::storage_type:
        break;
    }
    refuse();
  }

  // Attributes of a dictionary, such as the versions of a module's parts, are not read.
  void build() {
    pop();
    if (top().kind != Kind::dict)
      reject("the pickle gives attributes to " + std::string(name_of(top().kind)) + ", which has none");
  }

  // False at the end.
  bool step() {
    at_ = position_;
    if (position_ == text_.size()) reject("the pickle has no end");
    const char operation = take(1)[0];
    switch (operation) {
      case '\x80': {  // PROTO
        const std::uint64_t protocol = number(1);
        if (protocol > 5) reject("protocol " + std::to_string(protocol) + " of pickle is not known");
        return true;
      }
      case '\x95': {  // FRAME: the operations in it are found without
        if (number(8) > text_.size() - position_) reject("the pickle ends within a frame");
        return true;
      }
      case '.':  // STOP
        return false;
      case '(':  // MARK
        hooks_.spend(2 * sizeof(std::size_t));
        marks_.push_back(stack_.size());
        return true;
      case 'N':
        return push(Kind::none), true;
      case '\x88':  // NEWTRUE
        return push(Kind::boolean, 1), true;
      case '\x89':  // NEWFALSE
        return push(Kind::boolean, 0), true;
      case 'J':  // BININT
        return push(Kind::integer,
                    static_cast<std::uint64_t>(std::int64_t{static_cast<std::int32_t>(number(4))})),
               true;
      case 'K':  // BININT1
        return push(Kind::integer, number(1)), true;
      case 'M':  // BININT2
        return push(Kind::integer, number(2)), true;
      case '\x8a':  // LONG1
        return push_long(number(1)), true;
      case '\x8b':  // LONG4, whose length is signed
        return push_long(number(4)), true;
      case 'G': {  // BINFLOAT, from the highest byte on
        std::uint64_t bits = 0;
        for (const char byte : take(8)) bits = bits << 8 | static_cast<unsigned char>(byte);
        return push(Kind::real, bits), true;
      }
      case 'X':  // BINUNICODE
        return push_text(number(4)), true;
      case '\x8c':  // SHORT_BINUNICODE
      case 'U':     // SHORT_BINSTRING
        return push_text(number(1)), true;
      case '\x8d':  // BINUNICODE8
        return push_text(number(8)), true;
      case 'C':  // SHORT_BINBYTES
        return take(number(1)), push(Kind::other), true;
      case 'B':  // BINBYTES
        return take(number(4)), push(Kind::other), true;
      case ']':  // EMPTY_LIST
        return push_container(Kind::list, {}), true;
      case '}':  // EMPTY_DICT
        return push_container(Kind::dict, {}), true;
      case ')':  // EMPTY_TUPLE
        return push_container(Kind::tuple, {}), true;
      case 't':  // TUPLE
        return tuple(pop_mark()), true;
      case '\x85':  // TUPLE1
      case '\x86':  // TUPLE2
      case '\x87':  // TUPLE3
      {
        const auto count = static_cast<std::size_t>(static_cast<unsigned char>(operation) - 0x84);
        need(count);
        return tuple(stack_.size() - count), true;
      }
      case 'a':  // APPEND
        need(2);
        return append(Kind::list, stack_.size() - 1), true;
      case 'e':  // APPENDS
        return append(Kind::list, pop_mark()), true;
      case 's':  // SETITEM
        need(3);
        return append(Kind::dict, stack_.size() - 2), true;
      case 'u':  // SETITEMS
        return append(Kind::dict, pop_mark()), true;
      case 'q':  // BINPUT
        return memoize(number(1)), true;
      case 'r':  // LONG_BINPUT
        return memoize(number(4)), true;
      case '\x94':  // MEMOIZE
        return memoize(memo_.size()), true;
      case 'h':  // BINGET
        return recall(number(1)), true;
      case 'j':  // LONG_BINGET
        return recall(number(4)), true;
      case 'c': {  // GLOBAL
        const std::string_view module = line();
        return name(module, line()), true;
      }
      case '\x93': {  // STACK_GLOBAL
        const PickleValue last = pop(), first = pop();
        if (last.kind != Kind::text || first.kind != Kind::text) reject("a function's name must be a text");
        return name(pickle_.text(first), pickle_.text(last)), true;
      }
      case 'Q':  // BINPERSID
        return persistent(), true;
      case 'R':  // REDUCE
        return reduce(), true;
      case 'b':  // BUILD
        return build(), true;
      default:
        break;
    }
    constexpr char digits[] = "0123456789abcdef";
    const auto code = static_cast<unsigned char>(operation);
    reject(std::string("the pickle has the operation 0x") + digits[code >> 4] + digits[code & 15] +
           ", which state dictionaries have no use for");
  }

  Pickle& pickle_;
  const std::string_view text_;
  const PickleHooks& hooks_;
  std::size_t position_ = 0;
  std::size_t at_ = 0;  // of the operation under way
  std::vector<PickleValue> stack_;
  std::vector<std::size_t> marks_;  // sizes of the stack
  std::unordered_map<std::uint64_t, PickleValue> memo_;
};

}  // namespace

void unpickle(Pickle& pickle, const PickleHooks& hooks) { Machine(pickle, hooks).run(); }

std::string_view name_of(PickleValue::Kind kind) {
  switch (kind) {
    case Kind::none:
      return "None";
    case Kind::boolean:
      return "a boolean";
    case Kind::integer:
    case Kind::huge:
      return "a whole number";
    case Kind::real:
      return "a number";
    case Kind::text:
      return "a text";
    case Kind::other:
      return "an object";
    case Kind::list:
      return "a list";
    case Kind::tuple:
      return "a tuple";
    case Kind::dict:
      return "a dictionary";
    case Kind::symbol:
      return "a class";
    case Kind::storage:
      return "a storage";
    case Kind::view:
      return "a tensor";
  }
  __builtin_unreachable();
}

}  // namespace xgrad::io::detail
