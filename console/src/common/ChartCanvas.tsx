import { theme } from "antd";
import { BarChart, LineChart } from "echarts/charts";
import { AriaComponent, GridComponent, LegendComponent, TooltipComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { useEffect, useRef } from "react";
import type { ChartContent, Series } from "./Chart";

echarts.use([BarChart, LineChart, AriaComponent, GridComponent, LegendComponent, TooltipComponent, CanvasRenderer]);

type Token = ReturnType<typeof theme.useToken>["token"];

const LINES = ["solid", "dashed", "dotted"] as const;
const SYMBOLS = ["circle", "rect", "triangle", "diamond"] as const;
const DECAL_COLOR = "rgba(255, 255, 255, 0.4)";
/** Patterns of bars: the first is plain, the others are lines and dots. */
const DECALS = [
  { color: "rgba(0, 0, 0, 0)" },
  { color: DECAL_COLOR, dashArrayX: [1, 0], dashArrayY: [2, 6], rotation: Math.PI / 4 },
  { color: DECAL_COLOR, symbol: "circle", dashArrayX: [[8, 8], [0, 8, 8, 0]], dashArrayY: [6, 2], symbolSize: 0.7 },
  { color: DECAL_COLOR, dashArrayX: [1, 0], dashArrayY: [2, 6], rotation: -Math.PI / 4 },
  { color: DECAL_COLOR, dashArrayX: [1, 0], dashArrayY: [2, 6] },
  { color: DECAL_COLOR, symbol: "triangle", dashArrayX: [[9, 9], [0, 9, 9, 0]], dashArrayY: [7, 2], symbolSize: 0.7 },
  { color: DECAL_COLOR, dashArrayX: [1, 0], dashArrayY: [2, 6], rotation: Math.PI / 2 },
];
/** Number of values above which single ones are not marked. */
const MAX_MARKED = 32;

/** Draws a chart in the colours of the theme. Series differ by more than their colour. */
export default function ChartCanvas({ kind, categories, series, write, height }: ChartContent) {
  const { token } = theme.useToken();
  const place = useRef<HTMLDivElement>(null);
  const drawn = useRef<echarts.ECharts | null>(null);

  useEffect(() => {
    if (!place.current) return;
    const chart = echarts.init(place.current);
    drawn.current = chart;
    const observer = new ResizeObserver(() => chart.resize());
    observer.observe(place.current);
    return () => {
      observer.disconnect();
      chart.dispose();
      drawn.current = null;
    };
  }, []);

  useEffect(() => {
    drawn.current?.setOption(optionOf({ kind, categories, series, write }, token), { notMerge: true });
  }, [kind, categories, series, write, token]);

  return <div ref={place} style={{ width: "100%", height }} />;
}

function optionOf({ kind, categories, series, write }: ChartContent, token: Token): echarts.EChartsCoreOption {
  const label = { color: token.colorTextDescription, fontFamily: token.fontFamily };
  const isMany = series.length > 1;
  return {
    animation: false,
    aria: { enabled: true, label: { enabled: false }, decal: { show: kind !== "line" && isMany, decals: DECALS } },
    textStyle: { fontFamily: token.fontFamily, color: token.colorText },
    grid: { left: 4, right: 12, top: isMany ? 40 : 16, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    legend: {
      show: isMany,
      type: "scroll",
      top: 0,
      left: 0,
      textStyle: { color: token.colorText },
      pageTextStyle: { color: token.colorText },
      pageIconColor: token.colorPrimary,
      pageIconInactiveColor: token.colorTextDisabled,
    },
    tooltip: {
      trigger: "axis",
      // Drawn, because styles in markup may be forbidden.
      renderMode: "richText",
      confine: true,
      axisPointer: { type: kind === "line" ? "line" : "shadow" },
      backgroundColor: token.colorBgElevated,
      borderColor: token.colorBorder,
      textStyle: { color: token.colorText, fontFamily: token.fontFamily },
      valueFormatter: (value: unknown) => (typeof value === "number" ? write(value) : "—"),
    },
    xAxis: {
      type: "category",
      data: categories,
      boundaryGap: kind !== "line",
      axisLine: { lineStyle: { color: token.colorBorder } },
      axisTick: { show: false },
      axisLabel: { ...label, hideOverlap: true },
    },
    yAxis: {
      type: "value",
      splitNumber: 4,
      splitLine: { lineStyle: { color: token.colorSplit } },
      axisLabel: { ...label, formatter: write },
    },
    series: series.map((each, index) => ({
      name: each.name,
      data: each.values,
      ...(kind === "line"
        ? {
            type: "line",
            symbol: SYMBOLS[index % SYMBOLS.length],
            symbolSize: 6,
            showAllSymbol: true,
            showSymbol: each.values.filter((value) => value !== null).length <= MAX_MARKED,
            lineStyle: { width: 2, type: LINES[index % LINES.length] },
          }
        : { type: "bar", stack: kind === "stacked" ? "all" : undefined, barMaxWidth: 40 }),
      itemStyle: { color: colorOf(each, index, token) },
    })),
  };
}

function colorOf({ tone }: Series, index: number, token: Token): string {
  if (tone === "good") return token.colorPrimary;
  if (tone === "bad") return token.colorError;
  if (tone === "rest") return token.colorTextQuaternary;
  const palette = [
    token.colorPrimary,
    token.colorWarning,
    token.purple7,
    token.colorSuccess,
    token.magenta7,
    token.geekblue7,
    token.volcano7,
    token.lime7,
  ];
  return palette[index % palette.length] ?? token.colorPrimary;
}
