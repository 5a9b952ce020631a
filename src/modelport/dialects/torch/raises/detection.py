"""Regions of images: pooled, aligned, and the best of those that overlap."""

from __future__ import annotations

from modelport.dialects.torch.raises.call import Call, arguments, raises

ROI_POOL = '''
def _max_roi_pool(x, rois, shape, scale):
    """The largest element in each cell of a grid over each region of an image."""
    pooled = []
    for image, *corners in rois.tolist():
        left, top, right, bottom = (math.floor(edge * scale + 0.5) for edge in corners)
        cells = x.new_zeros(x.shape[1], *shape)
        for row in range(shape[0]):
            step = max(bottom - top + 1, 1) / shape[0]
            first = max(top + math.floor(row * step), 0)
            rows = slice(first, max(top + math.ceil((row + 1) * step), first))
            for column in range(shape[1]):
                step = max(right - left + 1, 1) / shape[1]
                first = max(left + math.floor(column * step), 0)
                columns = slice(
                    first, max(left + math.ceil((column + 1) * step), first)
                )
                cell = x[int(image), :, rows, columns]
                if cell.numel():
                    cells[:, row, column] = cell.amax(dim=(1, 2))
        pooled.append(cells)
    return torch.stack(pooled) if pooled else x.new_zeros(0, x.shape[1], *shape)
'''
ROI_ALIGN = '''
def _roi_align(x, rois, images, shape, ratio, scale, shift=0.0, largest=False):
    """The mean (or largest) of samples in each cell of a grid over each region."""
    pooled = []
    for roi, image in zip(rois * scale - shift, images.tolist()):
        left, top, right, bottom = roi.unbind()
        high, wide = bottom - top, right - left
        if not shift:
            high, wide = high.clamp(min=1), wide.clamp(min=1)
        rows = _roi_corners(top, high, shape[0], ratio, x.shape[2])
        columns = _roi_corners(left, wide, shape[1], ratio, x.shape[3])
        parts = torch.stack(
            [
                x[image][:, row][:, :, column] * weight[:, None] * other
                for row, weight in rows
                for column, other in columns
            ]
        )
        part = parts.amax(0) if largest else parts.sum(0)
        cells = part.unflatten(2, (shape[1], -1)).unflatten(1, (shape[0], -1))
        if not cells.numel():
            pooled.append(x.new_zeros(x.shape[1], *shape))
        else:
            pooled.append(cells.amax((2, 4)) if largest else cells.mean((2, 4)))
    return torch.stack(pooled) if pooled else x.new_zeros(0, x.shape[1], *shape)


def _roi_corners(start, length, cells, ratio, extent):
    """The two neighbours of each sample along an axis, and how much they weigh."""
    count = ratio or max(math.ceil(length / cells), 0)
    where = torch.arange(cells * count, device=start.device) + 0.5
    where = start + where * length / (cells * max(count, 1))
    inside = ((where >= -1) & (where <= extent)).to(where.dtype)
    where = where.clamp(0, extent - 1)
    low = where.floor()
    high = (low + 1).clamp(max=extent - 1)
    return [
        (low.long(), (1 - where + low) * inside),
        (high.long(), (where - low) * inside),
    ]
'''
SUPPRESSION = '''
def _non_max_suppression(
    boxes, scores, most, overlap=0.0, least=-math.inf, centers=False
):
    """The (image, class, box) of the best boxes, without those that overlap a better one."""
    first, second = boxes.split(2, dim=-1)
    if centers:
        first, second = first - second / 2, first + second / 2
    low, high = torch.minimum(first, second), torch.maximum(first, second)
    areas = (high - low).prod(-1)
    chosen = []
    for image, kind in torch.ones(scores.shape[:2]).nonzero().tolist():
        score = scores[image, kind]
        order = score.argsort(descending=True, stable=True)
        order = order[score[order] > least]
        corner, end, area = low[image], high[image], areas[image]
        for _ in range(most):
            if not len(order):
                break
            best, order = order[0], order[1:]
            chosen.append([image, kind, int(best)])
            sides = torch.minimum(end[best], end[order]) - torch.maximum(
                corner[best], corner[order]
            )
            shared = sides.clamp(min=0).prod(-1)
            order = order[~(shared / (area[best] + area[order] - shared) > overlap)]
    return torch.tensor(chosen, dtype=torch.int64, device=boxes.device).reshape(-1, 3)
'''


@raises("MaxRoiPool")
def max_roi_pool(call: Call) -> str:
    """The largest element in each cell of a grid over each region."""
    shape, scale = call.ints("pooled_shape"), call.attribute("spatial_scale", 1.0)
    return f"{call.helper(ROI_POOL)}({call[0]}, {call[1]}, {shape}, {scale})"


@raises("RoiAlign")
def roi_align(call: Call) -> str:
    """The mean (or largest) of samples in each cell of a grid over each region."""
    mode = call.attribute("coordinate_transformation_mode", "half_pixel")
    text = arguments(
        call[0],
        call[1],
        call[2],
        f"({call.attribute('output_height', 1)}, {call.attribute('output_width', 1)})",
        call.attribute("sampling_ratio", 0),
        call.attribute("spatial_scale", 1.0),
        shift=(0.5 if mode == "half_pixel" else 0.0, 0.0),
        largest=(call.attribute("mode", "avg") == "max", False),
    )
    return f"{call.helper(ROI_ALIGN)}({text})"


@raises("NonMaxSuppression")
def non_max_suppression(call: Call) -> str:
    """The best boxes, without those that overlap a better one."""
    text = arguments(
        call[0],
        call[1],
        call.scalar(2, "int") if call.has(2) else "0",
        overlap=(call.scalar(3, "float") if call.has(3) else "0.0", "0.0"),
        least=(call.scalar(4, "float") if call.has(4) else "", ""),
        centers=(bool(call.attribute("center_point_box", 0)), False),
    )
    return f"{call.helper(SUPPRESSION)}({text})"
