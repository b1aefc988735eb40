#pragma once

namespace eco2 {

/// Empties a string or a container and gives its memory back: assigning an empty one may keep the room that it has.
template <class Container>
void discard(Container& container) noexcept {
    Container().swap(container);
}

}  // namespace eco2
