// Texts from memory: what is UTF-8 has a vocabulary that gives it back, also after its state was saved and
// loaded; what is not is refused by both. The bytes as a state are a vocabulary only where their tokens are.
#include "target.hpp"

#include <xgrad/data/text.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include <algorithm>
#include <vector>

namespace {

using namespace xgrad;

// The text with single spaces between its words.
std::string single_spaced(std::string_view text) {
  std::string result;
  bool space = false;
  for (const char c : text) {
    const bool is_space = c == ' ' || (c >= '\t' && c <= '\r');
    if (!is_space && space && !result.empty()) result += ' ';
    if (!is_space) result += c;
    space = is_space;
  }
  return result;
}

void check(std::string_view text, data::Tokens kind) {
  const data::Vocabulary vocabulary(text, {.tokens = kind});
  const Tensor ids = vocabulary.encode(text);
  const std::string decoded = vocabulary.decode(ids);
  test::require(decoded == (kind == data::Tokens::words ? single_spaced(text) : std::string(text)),
                "another text");
  data::Vocabulary loaded;
  loaded.load_state_dict(vocabulary.state_dict());
  test::require(loaded.tokens() == vocabulary.tokens() && loaded.kind() == kind, "another vocabulary");
  test::require(bitwise_equal(loaded.encode(decoded), ids), "other ids");
  const data::Vocabulary few(text, {.tokens = kind, .unknown = "<unk>", .most = 3});
  test::require(few.size() <= 4 && few.encode(text).count() == ids.count(), "more tokens than allowed");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return test::fuzz(data, size, [&](const io::detail::SharedInput&) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    // A state of tokens of one to four bytes.
    std::vector<Index> sizes;
    for (std::size_t at = 0; at < size;) {
      const std::size_t step = std::min<std::size_t>(1 + data[at] % 4, size - at);
      sizes.push_back(static_cast<Index>(step));
      at += step;
    }
    for (const Index kind : {0, 1}) {
      data::Vocabulary vocabulary;
      try {
        vocabulary.load_state_dict({{"kind", scalar(kind)},
                                    {"unknown", scalar(false)},
                                    {"bytes", Tensor::from(std::span<const std::uint8_t>(data, size))},
                                    {"sizes", Tensor::from(sizes)}});
      } catch (const ValueError&) {
        continue;
      }
      const Tensor all = arange(vocabulary.size());
      test::require(bitwise_equal(vocabulary.encode(vocabulary.decode(all)), all), "tokens that no text has");
    }
    check(text, data::Tokens::characters);
    check(text, data::Tokens::words);
  });
}
