#include <xgrad/tensor/index_list.hpp>

#include <algorithm>
#include <ostream>

namespace xgrad {

using detail::fail_at;

void IndexList::reject(Subscript position) const {
  fail_at<IndexError>(position.place(),
                      "position " + std::to_string(position.position()) + " of the list " + to_string(*this));
}

void IndexList::reject_longer(Place place) const {
  fail_at<ShapeError>(place, "a list has at most " + std::to_string(max_size) +
                                 " numbers, one for each axis, got one more than " + to_string(*this));
}

void IndexList::insert(Index position, Index item, Place place) {
  if (position != size_) (void)checked(Subscript(position, place.file, place.line));
  push_back(item, place);
  std::rotate(begin() + position, end() - 1, end());
}

void IndexList::erase(Index position, Place place) {
  (void)checked(Subscript(position, place.file, place.line));
  std::copy(begin() + position + 1, end(), begin() + position);
  --size_;
}

std::string to_string(const IndexList& list) {
  std::string text = "(";
  for (Index i = 0; i < list.size(); ++i) text += (i > 0 ? ", " : "") + std::to_string(list[i]);
  return text + (list.size() == 1 ? ",)" : ")");
}

std::ostream& operator<<(std::ostream& stream, const IndexList& list) { return stream << to_string(list); }

}  // namespace xgrad
