// Writing of PyTorch's files: an OrderedDict of tensors that stand alone, as torch.save(module.state_dict())
// writes it. torch.load(path, weights_only=True) reads it.
#include <xgrad/io/contents.hpp>
#include <xgrad/io/json.hpp>
#include <xgrad/io/zip.hpp>

#include <xgrad/tensor/error.hpp>

#include <bit>
#include <limits>
#include <map>

namespace xgrad::io::detail {
namespace {

const std::string folder = "archive/";

// The text of a pickle in protocol 2. What comes more than once is kept in its memo.
class Pickler {
 public:
  std::string finish() && { return std::move(text_ += '.'); }

  Pickler& operation(std::string_view bytes) {
    text_ += bytes;
    return *this;
  }
  Pickler& symbol(std::string_view module, std::string_view name) {
    return kept("c" + std::string(module) + "\n" + std::string(name) + "\n");
  }
  Pickler& text(std::string_view value) { return operation(text_of(value)); }
  Pickler& constant(std::string_view value) { return kept(text_of(value)); }
  Pickler& number(Index value) {
    if (value <= 0xff) return operation("K" + little(value, 1));
    if (value <= 0xffff) return operation("M" + little(value, 2));
    if (value <= std::numeric_limits<std::int32_t>::max()) return operation("J" + little(value, 4));
    return operation("\x8a" + little(8, 1) + little(value, 8));
  }
  Pickler& tuple(const IndexList& values) {
    operation("(");
    for (const Index value : values) number(value);
    return operation("t");
  }

 private:
  static std::string little(Index value, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> 8 * i & 0xff);
    return text;
  }
  static std::string text_of(std::string_view value) {
    return "X" + little(static_cast<Index>(value.size()), 4) + std::string(value);
  }
  Pickler& kept(const std::string& bytes) {
    const auto [found, added] = memo_.emplace(bytes, static_cast<Index>(memo_.size()));
    return added ? operation(bytes).operation("q" + little(found->second, 1))
                 : operation("h" + little(found->second, 1));
  }

  std::string text_ = "\x80\x02";
  std::map<std::string, Index> memo_;  // of few
};

}  // namespace

// Each tensor gets a storage of its own, also where two share their elements: here no write to one of them
// would be seen in the other, in Python it would.
void write_pytorch(Sink& sink, const StateDict& dict) {
  ZipWriter archive(sink);
  Pickler pickler;
  const auto ordered_dict = [&] { pickler.symbol("collections", "OrderedDict").operation(")R"); };
  ordered_dict();
  if (!dict.empty()) pickler.operation("(");
  for (std::size_t i = 0; i < dict.size(); ++i) {
    const auto& [name, tensor] = dict[i];
    constexpr std::size_t longest = std::numeric_limits<std::uint32_t>::max();
    if (name.size() > longest) fail<ValueError>("a name of 4 GiB or more");
    static_cast<void>(json_text(name));  // throws unless it is UTF-8, as Python's texts must be
    pickler.text(name).symbol("torch._utils", "_rebuild_tensor_v2").operation("((").constant("storage");
    pickler.symbol("torch", element_type_of(tensor.dtype()).pytorch).text(std::to_string(i));
    pickler.constant("cpu").number(tensor.count()).operation("tQ");
    pickler.number(0).tuple(tensor.shape().sizes()).tuple(contiguous_strides(tensor.shape()));
    pickler.operation("\x89");  // requires no gradient
    ordered_dict();
    pickler.operation("tR");
  }
  if (!dict.empty()) pickler.operation("u");

  archive.add(folder + "data.pkl", std::move(pickler).finish());
  for (std::size_t i = 0; i < dict.size(); ++i) {
    const Tensor& tensor = dict[i].second;
    archive.add(folder + "data/" + std::to_string(i), {},
                {tensor.raw(), static_cast<std::size_t>(tensor.bytes())});
  }
  archive.add(folder + "version", "3\n");
  if (std::endian::native == std::endian::big) archive.add(folder + "byteorder", "big");
  archive.finish();
}

}  // namespace xgrad::io::detail
