"""The region of interest: found by itself, clicked, or the whole image."""

from typing import TYPE_CHECKING, Any

from ..session.image import is_full_frame, square_region, take_plane
from . import strings
from .image_section import AUTO, PICK, WHOLE
from .pixels import is_fundus
from .widgets import OK, WARN

if TYPE_CHECKING:
    from .controller import Controller

SHARE = 0.4  # side over the image's shorter side, until a disc was measured


class RegionChoice:
    """Keep the region of interest of the image in use.

    Parameters
    ----------
    desk : Controller
    """

    def __init__(self, desk: "Controller") -> None:
        self.desk = desk
        self.mode, self.side = AUTO, 512
        self.centre: tuple[float, float] | None = None
        self.searching = False
        self._found: Any = None
        self._sure = False
        section = desk.panel.image
        section.region.connect(self.on_mode)
        section.resized.connect(self.on_side)
        desk.canvas.centres.allowed = self.holds
        desk.canvas.centres.refused.connect(self.on_refused)

    @property
    def can_find(self) -> bool:
        """Say whether the model looks at the optic disc, which can be found by itself."""
        card = self.desk.panel.model.card
        return card is not None and card.roi == "disc"

    @property
    def known(self) -> bool:
        """Say whether the network can run on a region now."""
        return self.mode == WHOLE or self.centre is not None

    def holds(self, place: tuple[float, float]) -> bool:
        """Say whether a pixel (y, x) of the image lies in the region that is solved."""
        parts = zip(place, self.desk.session.region, strict=True)
        return all(part.start - 0.5 <= at < part.stop - 0.5 for at, part in parts)

    def on_refused(self) -> None:
        """Say why a centre was not taken."""
        self.desk.panel.priors.notice.say(strings.CENTRE_OUTSIDE, WARN)

    def suit_model(self) -> None:
        """Take the mode that suits another model, unless the user has clicked."""
        if self.mode != PICK:
            self.mode = self._suitable()
        self.show()

    def _suitable(self) -> str:
        """Find the disc in full frames; a small image is a crop about it already."""
        info = self.desk.session.info
        frame = info is not None and is_full_frame(info.shape)
        return AUTO if self.can_find and frame else WHOLE

    def start_over(self, shape: tuple[int, int] | None = None) -> None:
        """Know no place any more: there are other pixels, perhaps of another shape (Y, X)."""
        self.centre = None
        self.mode = self._suitable()
        if shape is not None:
            self.side = max(64, round(SHARE * min(shape)))
        self.show()

    def show(self) -> None:
        """Bring the controls in line."""
        picking = self.desk.canvas.picker.armed
        self.desk.panel.image.show_region(
            self.mode, self.side, findable=self.can_find, picking=picking
        )

    def apply(self) -> bool:
        """Tell the session the region; say whether it is another part of the image."""
        session = self.desk.session
        if session.info is None:
            return False
        before = session.region
        if self.mode == WHOLE or self.centre is None:
            if [part.stop - part.start for part in before] != list(session.info.shape):
                session.set_region(None)
        elif square_region(self.centre, self.side, session.info.shape) != before:
            session.set_region(self.centre, self.side)
        return session.region != before

    def find(self) -> None:
        """Look for the disc in the worker's thread; `take_found` hears of it."""
        session, image = self.desk.session, self.desk.canvas.image
        if session.info is None or image is None:
            return
        segmenter, info, index = session.segmenter, session.info, session.plane
        array = self.desk.images.arguments()["array"]

        colour = image.rgb

        def look() -> Any:
            from ..localise import disc_region

            plane = take_plane(array, info, index)
            self._found = *disc_region(plane), colour and is_fundus(plane)
            return segmenter

        self._found, self.searching = None, True
        self.desk.worker.load(look)

    def take_found(self) -> bool:
        """Take the disc that was looked for; say whether there was a search."""
        found = self._found
        if not self.searching or found is None:  # None: a model that was still being loaded
            return False
        self.searching, self._found = False, None
        self.centre = (float(found[0]), float(found[1]))
        self.side, self._sure = int(found[2]), bool(found[3])
        self.show()
        return True

    def tell_found(self) -> None:
        """Say where the disc was found, and what to do if it is not there."""
        if self.centre is None:
            return
        text = strings.FOUND if self._sure else strings.GUESSED
        text = text.format(y=self.centre[0], x=self.centre[1])
        if self.desk.images.repeated:
            text = f"{text} {strings.GREY}"
        self.desk.panel.image.notice.say(text, OK if self._sure else WARN)

    def failed(self, message: str) -> None:
        """Ask for a click: the disc was not found."""
        self.searching = False
        self.desk.panel.image.notice.say(
            f"{strings.NOT_FOUND} ({message})", WARN, strings.PICK, self.pick
        )

    def suggest(self, centre: tuple[float, float], side: int) -> None:
        """Take a region that is known to suit the image."""
        self.mode, self.centre, self.side = PICK, centre, side
        self.show()

    def on_mode(self, mode: str) -> None:
        """React to the user's choice of a mode, or to Pick."""
        if mode == PICK:
            self.pick()
            return
        self.desk.canvas.picker.disarm()
        self.mode = mode
        self.desk.panel.image.notice.clear()
        if mode == AUTO:
            self.centre = None
        self.show()
        self.desk.run_again()

    def on_side(self, side: int) -> None:
        """React to another side of the square."""
        self.side = side
        if self.centre is not None:
            self.desk.run_again()

    def pick(self) -> None:
        """Wait for a click on the disc; a second press of Pick stops waiting."""
        canvas, section = self.desk.canvas, self.desk.panel.image
        if canvas.image is None or canvas.picker.armed:
            canvas.picker.disarm()
            section.notice.clear()
        else:
            section.notice.say(strings.PICKING)
            canvas.picker.arm(canvas.image, self.on_picked)
        self.show()

    def on_picked(self, centre: tuple[float, float]) -> None:
        """Take the clicked centre."""
        info = self.desk.session.info
        self.desk.panel.image.notice.clear()
        shape = info.shape if info is not None else (0, 0)
        if not all(-0.5 <= at <= size - 0.5 for at, size in zip(centre, shape, strict=True)):
            self.desk.panel.image.notice.say(strings.OUTSIDE, WARN)
            self.show()
            return
        self.mode, self.centre = PICK, centre
        self.show()
        self.desk.run_again(always=True)
