import { AreaChartOutlined, TableOutlined } from "@ant-design/icons";
import { Button, Skeleton, theme } from "antd";
import { lazy, type ReactNode, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { ScrollBox } from "./ScrollBox";
import { Section } from "./Section";
import { Nothing } from "./states";

const Canvas = lazy(() => import("./ChartCanvas"));

export interface Series {
  name: string;
  /** A value for each category; `null` where there is none. */
  values: (number | null)[];
  /** What the series means: `rest` for all that is shown in no series of its own. */
  tone?: "good" | "bad" | "rest";
}

export interface ChartContent {
  kind: "line" | "bar" | "stacked";
  /** What stands below the values, such as days. */
  categories: string[];
  series: Series[];
  /** Writes a value with its unit. */
  write: (value: number) => string;
  /** Height in pixels. */
  height?: number;
}

interface Properties extends ChartContent {
  title: string;
  /** What the categories are, as the head of a column. */
  categoryName: string;
  /** What it means that there is nothing. */
  nothing: string;
  extra?: ReactNode;
}

const HEIGHT = 260;

/** A chart with its title. The same numbers are there as a table, for those who can't see a chart. */
export function Chart({ title, categoryName, nothing, extra, height = HEIGHT, ...content }: Properties) {
  const { t } = useTranslation();
  const [isTable, setIsTable] = useState(false);
  const isEmpty = content.series.length === 0 || content.categories.length === 0;
  const label = t(isTable ? "chart.asChart" : "chart.asTable");
  return (
    <Section
      title={title}
      extra={
        <>
          {extra}
          {!isEmpty && (
            <Button
              type="text"
              size="small"
              icon={isTable ? <AreaChartOutlined /> : <TableOutlined />}
              onClick={() => setIsTable(!isTable)}
              aria-label={`${title}: ${label}`}
            >
              {label}
            </Button>
          )}
        </>
      }
    >
      {isEmpty ? (
        <Nothing text={nothing} />
      ) : isTable ? (
        <NumbersTable title={title} categoryName={categoryName} height={height} {...content} />
      ) : (
        <div role="img" aria-label={t("chart.description", { title })} style={{ height }}>
          <Suspense fallback={<Skeleton active title={false} paragraph={{ rows: 5 }} />}>
            <Canvas height={height} {...content} />
          </Suspense>
        </div>
      )}
    </Section>
  );
}

function NumbersTable({ title, categoryName, categories, series, write, height }: ChartContent & { title: string; categoryName: string }) {
  const { token } = theme.useToken();
  const cell = { padding: "6px 10px", borderBottom: `1px solid ${token.colorSplit}`, whiteSpace: "nowrap" as const };
  const head = { ...cell, position: "sticky" as const, top: 0, background: token.colorBgContainer, textAlign: "end" as const };
  return (
    <ScrollBox label={title} maxHeight={height}>
      <table className="number" style={{ width: "100%", borderCollapse: "separate", borderSpacing: 0 }}>
        <thead>
          <tr>
            <th scope="col" style={{ ...head, textAlign: "start" }}>
              {categoryName}
            </th>
            {series.map(({ name }) => (
              <th scope="col" key={name} style={head}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {categories.map((category, index) => (
            <tr key={category}>
              <th scope="row" style={{ ...cell, textAlign: "start", fontWeight: "normal" }}>
                {category}
              </th>
              {series.map(({ name, values }) => (
                <td key={name} style={{ ...cell, textAlign: "end" }}>
                  {typeof values[index] === "number" ? write(values[index]) : "—"}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollBox>
  );
}
