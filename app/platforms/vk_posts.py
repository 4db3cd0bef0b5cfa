"""What the community publishes, as posts under which citizens comment. Source: VK API schema 5.199, wall and photos."""

from app.platforms.incoming import Ignored, PagePost
from app.platforms.untrusted import Fields, instant

_NOT_PUBLISHED = {
    "suggest": "Предложенная запись: она ждёт решения администратора сообщества.",
    "postpone": "Запись отложена.",
}


def wall_post(post: Fields, group_id: int) -> PagePost | Ignored:
    """A post on the community's wall, whoever wrote it: comments under it come with its number."""
    post_type = post.get("post_type")
    if isinstance(post_type, str) and post_type in _NOT_PUBLISHED:
        return Ignored(_NOT_PUBLISHED[post_type])
    number = post.integer("id")
    owner = post.optional_integer("owner_id", "to_id") or -group_id
    return PagePost(
        external_id=str(number),
        text=post.text("text") or _copied_text(post),
        published_at=instant(post.get("date")),
        source_url=f"https://vk.com/wall{owner}_{number}",
    )


def _copied_text(post: Fields) -> str:
    """The words of a post that was shared without any of one's own."""
    for copied in post.items("copy_history", 1):
        if isinstance(copied, dict):
            return Fields(copied, "object.copy_history").text("text")
    return ""


def photo(picture: Fields, group_id: int) -> PagePost:
    """A photo in an album of the community."""
    number = picture.integer("id")
    owner = picture.optional_integer("owner_id") or -group_id
    return PagePost(
        external_id=str(number),
        text=picture.text("text"),
        published_at=instant(picture.get("date")),
        source_url=f"https://vk.com/photo{owner}_{number}",
    )
