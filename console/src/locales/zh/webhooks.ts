export default {
  title: "事件推送",
};
