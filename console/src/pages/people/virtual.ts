import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { type RefObject, useEffect, useLayoutEffect, useState } from "react";

/** Rows in advance of the end at which more are wanted. */
const AHEAD_ROWS = 30;
const OVERSCAN_ROWS = 4;

/** Returns the width of an element in pixels, as it changes. */
export function useWidth(box: RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    setWidth(element.clientWidth);
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, [box]);
  return width;
}

/** Returns where an element begins in the page, in pixels, as what is above it becomes higher or lower. */
function useTop(box: RefObject<HTMLElement | null>): number {
  const [top, setTop] = useState(0);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const measure = () => setTop(Math.round(element.getBoundingClientRect().top + window.scrollY));
    measure();
    // Whatever changes above the element changes the height of the content. It is not measured on scrolling, which must be quick.
    const observer = new ResizeObserver(measure);
    observer.observe(element.closest("[role=main]") ?? document.body);
    return () => observer.disconnect();
  }, [box]);
  return top;
}

/**
 * Rows of one height, which scroll with the page; only those that are in sight are in the document. `onEnd` is called
 * when the end comes near.
 */
export function useRows(box: RefObject<HTMLElement | null>, count: number, height: number, onEnd: () => void) {
  const top = useTop(box);
  const rows = useWindowVirtualizer({
    count,
    estimateSize: () => height,
    overscan: OVERSCAN_ROWS,
    scrollMargin: top,
  });
  useEffect(() => rows.measure(), [rows, height]);
  const visible = rows.getVirtualItems();
  const last = visible.at(-1)?.index ?? 0;
  const isNearEnd = last >= count - AHEAD_ROWS;
  useEffect(() => {
    if (isNearEnd) onEnd();
  }, [isNearEnd, onEnd, count]);
  return {
    /** Height of all rows in pixels. */
    total: rows.getTotalSize(),
    visible: visible.map(({ index, start }) => ({ index, offset: start - top })),
  };
}
