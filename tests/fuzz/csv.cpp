// Tables from memory; every column is asked for in every way.
#include "target.hpp"

#include <xgrad/data/csv.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace xgrad;
  return test::fuzz(data, size, [&](const io::detail::SharedInput&) {
    const data::Table table =
        data::parse_csv({reinterpret_cast<const char*>(data), size}, {.header = size % 2 == 0});
    std::size_t characters = 0;
    for (Index column = 0; column < static_cast<Index>(table.columns().size()); ++column) {
      for (const std::string& text : table.text(column)) characters += text.size() + 1;
      try {
        test::require(table.numbers(column).count() == table.rows(), "a column of another length");
        static_cast<void>(table.integers(column));
      } catch (const FormatError&) {
      }
      static_cast<void>(table.categories(column, {.allow_missing = true}));
    }
    test::require(characters <= size + 1, "the fields are longer than their file");
  });
}
